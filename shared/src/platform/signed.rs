//! Requests that the function's role opens: JSON, signed with Signature Version 4
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).
//!
//! The crate that signs for the SDK signs these too. The SDK's own client of a service would be
//! compiled with all of its operations for the one that we call.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Answer, Client, NoAnswer};

/// A service of AWS in the function's region.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) http: Client,
    pub(super) credentials: Credentials,
    pub(super) region: String,
    pub(super) name: &'static str,
    /// `None`: the region's name makes no URL.
    pub(super) base: Option<BaseUrl>,
}

impl Service {
    /// A request of JSON protocol 1.0: `target` is the operation.
    /// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
    ///
    /// `None`: no request can be made of this.
    pub fn request(
        &self,
        target: &str,
        body: &serde_json::Value,
        now: SystemTime,
    ) -> Option<RequestBuilder> {
        let (url, body) = (self.base.as_ref()?.as_url(), body.to_string());
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: self.name,
        };
        let headers = signer.operation(url, "1.0", target, &body, now)?;
        let request = self.http.request(Method::POST, url.clone());
        Some(request.headers(headers).body(body))
    }

    /// Sends once and reads at most `limit` bytes of the answer, within `within` in all. There are
    /// no retries: only the caller knows whether the operation may be repeated.
    ///
    /// # Errors
    /// [`NoAnswer`] if not even a status came.
    pub async fn send(
        &self,
        request: RequestBuilder,
        limit: usize,
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        self.http.send(request, limit, within).await
    }

    /// Opens a connection.
    pub async fn warm_up(&self) {
        self.http.warm_up(self.base.as_ref()).await;
    }
}

/// Who signs, and for which service.
#[derive(Debug)]
pub struct Signer<'a> {
    /// The keys; their `Debug` hides the secret one.
    pub credentials: &'a Credentials,
    /// The region of the service.
    pub region: &'a str,
    /// The name of the service in signatures.
    pub service: &'a str,
}

impl Signer<'_> {
    /// The headers of an operation of the service, in this version of AWS's JSON protocol. `None`:
    /// no request can be made of this.
    pub fn operation(
        &self,
        url: &Url,
        version: &str,
        target: &str,
        body: &str,
        now: SystemTime,
    ) -> Option<HeaderMap> {
        let content_type = format!("application/x-amz-json-{version}");
        let own = [
            ("content-type", content_type.as_str()),
            ("x-amz-target", target),
        ];
        self.headers(url, &own, body, now)
    }

    /// The headers of a signed POST: `own`, and those of the signature, which covers `own`. `None`:
    /// no request can be made of this.
    pub fn headers(
        &self,
        url: &Url,
        own: &[(&str, &str)],
        body: &str,
        now: SystemTime,
    ) -> Option<HeaderMap> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .ok()?;
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new(
            Method::POST.as_str(),
            url.as_str(),
            own.iter().copied(),
            body,
        )
        .ok()?;
        let (signed, _) = sign(request, &parameters.into()).ok()?.into_parts();
        let all = own.iter().copied().chain(signed.headers());
        all.map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value: HeaderValue = value.parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect()
    }
}
