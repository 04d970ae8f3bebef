//! S3: buckets that take packages and templates.
//!
//! Imitates <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html> with the bucket in the
//! path, as clients address a server by its IP. Only what may be a template is kept.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use quick_xml::escape::escape;
use sha2::{Digest as _, Sha256};

use crate::{
    sms,
    wire::{Complaints, Server, lock},
};

/// `CloudFormation` reads no larger template.
const TEMPLATE_LIMIT: usize = 1024 * 1024;

/// The buckets of an account. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Buckets(Arc<Mutex<BTreeMap<String, BTreeMap<String, Object>>>>);

#[derive(Clone)]
struct Object {
    tag: String,
    /// The content, if it may be a template.
    text: Option<String>,
}

impl Buckets {
    /// Creates a bucket, if there is none of this name.
    pub(crate) fn create(&self, name: &str) {
        lock(&self.0).entry(name.to_owned()).or_default();
    }

    /// The template at a URL of this S3, whatever its host.
    pub(crate) fn template(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let (bucket, key) = place(&uri)?;
        lock(&self.0).get(bucket)?.get(key)?.text.clone()
    }
}

/// The bucket and the key of a URL.
fn place(uri: &Uri) -> Option<(&str, &str)> {
    let (bucket, key) = uri.path().strip_prefix('/')?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}

/// The S3 simulator.
pub struct S3 {
    server: Server,
    buckets: Buckets,
}

impl S3 {
    /// Serves `https://s3.REGION.amazonaws.com` on this port or on a free one, without any bucket.
    pub(crate) async fn start(port: Option<u16>) -> io::Result<Self> {
        let buckets = Buckets::default();
        let router = Router::new().fallback(serve).with_state(buckets.clone());
        Ok(Self {
            server: Server::start_on("S3", port.unwrap_or(0), router).await?,
            buckets,
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn buckets(&self) -> Buckets {
        self.buckets.clone()
    }
}

async fn serve(
    State(buckets): State<Buckets>,
    Extension(complaints): Extension<Complaints>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = sms::header(&headers, header::AUTHORIZATION);
    let is_signed = authorization.starts_with("AWS4-HMAC-SHA256 ")
        && authorization.contains("/s3/aws4_request");
    if !is_signed {
        complaints.add("S3: a request without a signature");
        return refuse(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
    }
    let mut buckets = lock(&buckets.0);
    let (Some((bucket, key)), None) = (place(&uri), uri.query()) else {
        return unknown(&complaints, &method, &uri);
    };
    let Some(objects) = buckets.get_mut(bucket) else {
        let why = "The specified bucket does not exist";
        return refuse(StatusCode::NOT_FOUND, "NoSuchBucket", why);
    };
    let object = match method {
        Method::PUT => {
            let text = (body.len() <= TEMPLATE_LIMIT)
                .then(|| String::from_utf8(body.to_vec()).ok())
                .flatten();
            let object = Object {
                tag: format!("\"{}\"", &hex::encode(Sha256::digest(&body))[..32]),
                text,
            };
            objects.insert(key.to_owned(), object.clone());
            object
        }
        Method::HEAD => match objects.get(key) {
            Some(object) => object.clone(),
            None => return StatusCode::NOT_FOUND.into_response(),
        },
        _ => return unknown(&complaints, &method, &uri),
    };
    [(header::ETAG, object.tag)].into_response()
}

fn unknown(complaints: &Complaints, method: &Method, uri: &Uri) -> Response {
    let what = sms::not_simulated(method, uri);
    complaints.add(format!("S3: {what}"));
    refuse(StatusCode::NOT_IMPLEMENTED, "NotImplemented", &what)
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/xml")];
    let message = escape(message);
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, kind, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    #[tokio::test]
    async fn a_bucket_takes_objects_and_gives_templates() {
        let s3 = S3::start(None).await.unwrap();
        let ask = async |method: &str, path: &str, body: &'static str| {
            let request = client()
                .request(method.parse().unwrap(), s3.server().url() + path)
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/s3/aws4_request",
                )
                .body(body);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(ask("PUT", "/packages/a.template", "x").await, 404);
        s3.buckets.create("packages");
        assert_eq!(ask("HEAD", "/packages/a.template", "").await, 404);
        assert_eq!(ask("PUT", "/packages/a.template", "x").await, 200);
        assert_eq!(ask("HEAD", "/packages/a.template", "").await, 200);
        let template = |url: &str| s3.buckets.template(url);
        assert_eq!(
            template("https://s3.eu-west-1.amazonaws.com/packages/a.template").as_deref(),
            Some("x")
        );
        assert_eq!(template("https://s3/packages/b.template"), None);
        assert_eq!(s3.server().complaints(), [""; 0]);
        assert_eq!(ask("DELETE", "/packages/a.template", "").await, 501);
        assert_eq!(s3.server().complaints().len(), 1);
    }
}
