//! Who may use the page: only pages of this origin, and programs on this machine.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::problem::Problem;

/// The header that every write must have. Another site cannot send it without asking the browser,
/// which asks this server, which does not allow it.
pub(super) const WRITES: &str = "x-sandbox-page";

const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; img-src 'self' data:; frame-src 'self'";

/// Refuses what a page of another site makes a browser send, and adds the headers of every answer.
pub(super) async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    let allowed = allowed(port, request.method(), request.uri(), request.headers());
    let mut answer = match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        // A mail's page has a stricter policy of its own, and stands in a frame.
        let own = headers.contains_key(header::X_FRAME_OPTIONS)
            && name == header::CONTENT_SECURITY_POLICY;
        let framed = headers
            .get(header::X_FRAME_OPTIONS)
            .is_some_and(|value| value == "SAMEORIGIN");
        if !(own || framed && name == header::X_FRAME_OPTIONS) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    answer
}

fn allowed(port: u16, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.to_str().unwrap_or("?").to_ascii_lowercase())),
            _ => Err(()),
        }
    };
    let ours = |authority: &str| {
        let (host, named) = authority.split_once(':').unwrap_or((authority, "80"));
        ["127.0.0.1", "localhost"].contains(&host) && named == port.to_string()
    };
    let host = text(header::HOST).ok().flatten();
    // A request line with a host must name the same one.
    let lined = uri
        .authority()
        .is_none_or(|authority| ours(authority.as_str()));
    if !host.is_some_and(|host| ours(&host)) || !lined {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "This page answers only as http://127.0.0.1:{port} and http://localhost:{port}."
            ),
        ));
    }
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    let origin = text(header::ORIGIN);
    let same = |origin: &str| origin.strip_prefix("http://").is_some_and(ours);
    let from_us = match &origin {
        Ok(None) => true,
        Ok(Some(origin)) => same(origin),
        Err(()) => false,
    };
    let site = headers.get("sec-fetch-site");
    let same_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    if !from_us || !same_site || !headers.contains_key(WRITES) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "A change must come from this page itself, with the header `X-Sandbox-Page: 1`.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        let method = Method::try_from(method).unwrap();
        match allowed(4725, &method, &Uri::from_static("/api/texts"), &map) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for (host, expected) in [
            ("127.0.0.1:4725", 200),
            ("localhost:4725", 200),
            ("LOCALHOST:4725", 200),
            ("evil.example:4725", 421),
            ("127.0.0.1.evil.example:4725", 421),
            ("localhost.evil.example:4725", 421),
            ("127.0.0.1:4726", 421),
            ("127.0.0.1", 421),
            ("[::1]:4725", 421),
            ("", 421),
        ] {
            assert_eq!(status("GET", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status("GET", &[]), 421);
        let two = [("host", "127.0.0.1:4725"), ("host", "evil.example")];
        assert_eq!(status("GET", &two), 421);
    }

    #[test]
    fn another_site_cannot_write() {
        let host = ("host", "127.0.0.1:4725");
        let ours = (WRITES, "1");
        for (headers, expected) in [
            (vec![host, ours], 200),
            (vec![host, ours, ("origin", "http://127.0.0.1:4725")], 200),
            (vec![host, ours, ("origin", "http://localhost:4725")], 200),
            (vec![host, ours, ("origin", "http://127.0.0.1:4726")], 403),
            (vec![host, ours, ("origin", "https://127.0.0.1:4725")], 403),
            (vec![host, ours, ("origin", "https://evil.example")], 403),
            (vec![host, ours, ("origin", "null")], 403),
            (vec![host, ours, ("sec-fetch-site", "cross-site")], 403),
            (vec![host, ours, ("sec-fetch-site", "same-site")], 403),
            (vec![host, ours, ("sec-fetch-site", "same-origin")], 200),
            (vec![host, ("origin", "http://127.0.0.1:4725")], 403),
            (vec![host], 403),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                assert_eq!(status(method, &headers), expected, "{method} {headers:?}");
            }
        }
    }
}
