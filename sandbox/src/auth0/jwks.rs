//! The tenant's published keys, and tokens to order.

use axum::{
    Json,
    extract::State as Axum,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    merged::merged,
    signing_keys::{Keys, STRANGER, Signer, public_pem},
    state::{Auth0, Shared},
    tenant::{API_AUDIENCE, CLIENT_ID},
};
use crate::{sms, wire::lock};

/// The name of this machine in a container.
const FROM_A_CONTAINER: &str = "host.docker.internal";

/// The tenant's name in tokens. A tenant has one, whatever its callers call it. So a function in a
/// container gets tokens that the protected API outside of it accepts.
pub(super) fn issuer(headers: &HeaderMap) -> String {
    let host = sms::header(headers, header::HOST).replace(FROM_A_CONTAINER, "127.0.0.1");
    format!("http://{host}/")
}

/// The path of the published keys.
const JWKS_PATH: &str = "/.well-known/jwks.json";

impl Auth0 {
    /// Starts to sign with a new key. The previous key stays published until
    /// [`Auth0::withdraw_old_key`] or the next rotation.
    pub fn rotate_key(&self) {
        let keys = &mut lock(&self.state).keys;
        *keys = Keys {
            current: keys.current + 1,
            old: true,
        };
    }

    /// Publishes only the current signing key.
    pub fn withdraw_old_key(&self) {
        lock(&self.state).keys.old = false;
    }

    /// The id of the current signing key.
    pub fn key_id(&self) -> String {
        Keys::key(lock(&self.state).keys.current).0
    }

    /// The PEM text of the current key's public half. It is public.
    pub fn public_key(&self) -> String {
        public_pem(Keys::key(lock(&self.state).keys.current).1)
    }

    /// The JWK of [`Signer::Stranger`], for headers that contain or name their own key.
    pub fn stranger_jwk(&self, id: &str) -> Value {
        STRANGER.jwk(id)
    }

    /// A token with any claims and header. The default is a valid access token of [`CLIENT_ID`] for
    /// [`API_AUDIENCE`], with the current key's `kid` and the signer's `alg`. The members of the
    /// objects `claims` and `header` are added or replace those; null removes one.
    pub fn mint(&self, claims: Value, header: Value, signer: Signer<'_>) -> String {
        let now = crate::now().as_secs();
        let good = json!({
            "iss": format!("{}/", self.server.url()), "sub": format!("{CLIENT_ID}@clients"), "aud": API_AUDIENCE, "iat": now, "exp": now + 86_400,
            "azp": CLIENT_ID, "scope": "read:accounts", "gty": "client-credentials",
        });
        let alg = match signer {
            Signer::Current | Signer::Old | Signer::Stranger => "RS256",
            Signer::PublicKey | Signer::Secret(_) => "HS256",
            Signer::Nobody => "none",
        };
        let keys = &lock(&self.state).keys;
        let number = if matches!(signer, Signer::Old) {
            keys.before()
        } else {
            keys.current
        };
        let usual = json!({ "alg": alg, "typ": "JWT", "kid": Keys::key(number).0 });
        keys.make(&merged(usual, header), &merged(good, claims), signer)
    }

    /// How many requests for the published keys arrived since
    /// [`clear_exchanges`](crate::wire::Server::clear_exchanges), successful or not.
    pub fn jwks_fetches(&self) -> usize {
        self.requests(&format!("GET {JWKS_PATH}"))
    }

    /// How many requests for the discovery document arrived since
    /// [`clear_exchanges`](crate::wire::Server::clear_exchanges), successful or not.
    pub fn discovery_fetches(&self) -> usize {
        self.requests("GET /.well-known/openid-configuration")
    }
}

/// `GET /.well-known/jwks.json`: the current key first.
pub(super) async fn published(Axum(state): Axum<Shared>) -> Response {
    let numbers = {
        let keys = &lock(&state).keys;
        [Some(keys.current), keys.old.then(|| keys.before())]
    };
    let keys = numbers
        .into_iter()
        .flatten()
        .map(Keys::key)
        .map(|(id, key)| key.jwk(&id))
        .collect::<Vec<_>>();
    let caching = [(
        header::CACHE_CONTROL,
        "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400",
    )];
    (caching, Json(json!({ "keys": keys }))).into_response()
}

/// `GET /.well-known/openid-configuration` (`OpenID` Connect Discovery 1.0), with only the members
/// about tokens.
pub(super) async fn discovery(headers: HeaderMap) -> Json<Value> {
    let url = format!("http://{}", sms::header(&headers, header::HOST));
    Json(json!({
        "issuer": issuer(&headers), "jwks_uri": format!("{url}{JWKS_PATH}"), "token_endpoint": format!("{url}/oauth/token"),
        "authorization_endpoint": format!("{url}/authorize"), "userinfo_endpoint": format!("{url}/userinfo"),
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"], "response_types_supported": ["code", "token", "id_token"],
        "subject_types_supported": ["public"], "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
    use ring::{hmac, rsa, signature};

    use super::*;
    use crate::{auth0::signing_keys::KEY_ID, wire::client};

    /// The ids of the published keys whose signature a token bears, taken from `n` and `e` alone.
    async fn signed_by(auth0: &Auth0, token: &str) -> Vec<String> {
        let published = client()
            .get(auth0.server().url() + JWKS_PATH)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        let (text, signed) = token.rsplit_once('.').unwrap();
        let decode = |value: &Value| BASE64URL.decode(value.as_str().unwrap()).unwrap();
        let signed = BASE64URL.decode(signed).unwrap();
        let fits = |key: &&Value| {
            let public = rsa::PublicKeyComponents {
                n: decode(&key["n"]),
                e: decode(&key["e"]),
            };
            public
                .verify(
                    &signature::RSA_PKCS1_2048_8192_SHA256,
                    text.as_bytes(),
                    &signed,
                )
                .is_ok()
        };
        let keys = published["keys"].as_array().unwrap().iter().filter(fits);
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    fn parts(token: &str) -> [Value; 2] {
        let mut parts = token.split('.').map(|part| BASE64URL.decode(part).unwrap());
        [(); 2].map(|()| serde_json::from_slice(&parts.next().unwrap()).unwrap())
    }

    #[tokio::test]
    async fn keys_rotate() {
        let auth0 = Auth0::start(None).await.unwrap();
        let first = auth0.mint(json!({}), json!({}), Signer::Current);
        assert_eq!(
            (signed_by(&auth0, &first).await, auth0.key_id().as_str()),
            (vec![KEY_ID.to_owned()], KEY_ID)
        );
        let published = client()
            .get(auth0.server().url() + JWKS_PATH)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        // computed with openssl x509 and openssl dgst
        assert_eq!(published["keys"][0]["x5t"], "Jj_ODIx8yp7Mwb4-S8g3WSWBfTo");
        auth0.rotate_key();
        let second = auth0.mint(json!({}), json!({}), Signer::Current);
        assert_eq!(signed_by(&auth0, &first).await, [KEY_ID]);
        assert_eq!(signed_by(&auth0, &second).await, ["sandbox-auth0-key-2"]);
        assert_eq!(
            signed_by(&auth0, &auth0.mint(json!({}), json!({}), Signer::Old)).await,
            [KEY_ID]
        );
        auth0.withdraw_old_key();
        assert_eq!(signed_by(&auth0, &first).await, [""; 0]);
        assert_eq!(auth0.jwks_fetches(), 6);
        let url = auth0.server().url();
        let found = client()
            .get(format!("{url}/.well-known/openid-configuration"))
            .send()
            .await
            .unwrap();
        let found = found.json::<Value>().await.unwrap();
        assert_eq!(
            (&found["issuer"], &found["jwks_uri"]),
            (&json!(format!("{url}/")), &json!(url + JWKS_PATH))
        );
        assert_eq!(auth0.discovery_fetches(), 1);
    }

    #[tokio::test]
    async fn the_issuer_is_the_same_for_a_container() {
        let auth0 = Auth0::start(None).await.unwrap();
        let own = auth0.server().url();
        let inside = format!("host.docker.internal:{}", auth0.server().port());
        let body = json!({
            "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": crate::auth0::CLIENT_SECRET, "audience": API_AUDIENCE,
        });
        let request = client().post(format!("{own}/oauth/token")).json(&body);
        let granted = request.header("host", &inside).send().await.unwrap();
        let granted: Value = granted.json().await.unwrap();
        let [_, claims] = crate::auth0::caller::claims(&granted["access_token"]);
        assert_eq!(claims["iss"], format!("{own}/"));
        let found = client().get(format!("{own}/.well-known/openid-configuration"));
        let found = found.header("host", &inside).send().await.unwrap();
        let found: Value = found.json().await.unwrap();
        assert_eq!(found["issuer"], format!("{own}/"));
        assert!(found["jwks_uri"].as_str().unwrap().contains(&inside));
    }

    #[tokio::test]
    async fn tokens_to_order() {
        let auth0 = Auth0::start(None).await.unwrap();
        let stranger = auth0.mint(
            json!({"aud": null, "exp": "x"}),
            json!({"jwk": auth0.stranger_jwk("x")}),
            Signer::Stranger,
        );
        let [header, claims] = parts(&stranger);
        assert_eq!(
            (&header["kid"], &header["jwk"]["kid"]),
            (&json!(KEY_ID), &json!("x"))
        );
        assert_eq!(
            (claims.get("aud"), &claims["exp"], &claims["scope"]),
            (None, &json!("x"), &json!("read:accounts"))
        );
        assert_eq!(signed_by(&auth0, &stranger).await, [""; 0]);
        let none = auth0.mint(json!({}), json!({}), Signer::Nobody);
        assert!(none.ends_with('.') && parts(&none)[0]["alg"] == "none");
        let public = auth0.public_key();
        let confused = auth0.mint(json!({}), json!({}), Signer::PublicKey);
        let (text, signed) = confused.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
        hmac::verify(&key, text.as_bytes(), &BASE64URL.decode(signed).unwrap()).unwrap();
        for (alg, length) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
            let token = auth0.mint(json!({}), json!({"alg": alg}), Signer::Secret(b"secret"));
            assert_eq!(
                BASE64URL
                    .decode(token.rsplit_once('.').unwrap().1)
                    .unwrap()
                    .len(),
                length,
                "{alg}"
            );
        }
        let other = auth0.mint(json!({}), json!({"alg": "RS384"}), Signer::Current);
        assert_eq!(signed_by(&auth0, &other).await, [""; 0]);
    }
}
