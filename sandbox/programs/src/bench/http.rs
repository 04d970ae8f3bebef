//! HTTP/1.1 in blocking calls, with only the parts that the functions use. Between a request and
//! the clock there is only the kernel.

use std::io::{self, BufRead, Write};

/// Larger than every request of a function.
const LIMIT: usize = 8 * 1024 * 1024;

/// A request. Names of headers are in lower case.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads the next request of a connection; `None` if it was closed.
    pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other("no request line"));
        };
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self {
            method,
            target,
            headers,
            body: Vec::new(),
        };
        if request.header("transfer-encoding").is_some() {
            return Err(io::Error::other("a body of unknown length"));
        }
        let length = request
            .header("content-length")
            .map_or(Ok(0), str::parse)
            .map_err(io::Error::other)?;
        if length > LIMIT {
            return Err(io::Error::other("too long a body"));
        }
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Writes an answer in one piece. The answer to HEAD has no body.
pub(super) fn answer(
    stream: &mut impl Write,
    request: &Request,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let mut answer =
        format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        write!(answer, "{name}: {value}\r\n")?;
    }
    answer.extend_from_slice(b"\r\n");
    if request.method != "HEAD" {
        answer.extend_from_slice(body);
    }
    stream.write_all(&answer)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_connection_one_after_the_other() {
        let mut stream = &b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcHEAD / HTTP/1.1\r\n\r\n"[..];
        let post = Request::read(&mut stream).unwrap().unwrap();
        assert_eq!(
            (post.method.as_str(), post.target.as_str(), &post.body[..]),
            ("POST", "/a?b", &b"abc"[..])
        );
        assert_eq!(
            (post.header("host"), post.header("cookie")),
            (Some("x"), None)
        );
        let head = Request::read(&mut stream).unwrap().unwrap();
        assert!(
            head.method == "HEAD"
                && head.body.is_empty()
                && Request::read(&mut stream).unwrap().is_none()
        );
        let mut answered = Vec::new();
        answer(&mut answered, &head, 200, &[("a", "b")], b"body").unwrap();
        assert_eq!(
            answered,
            b"HTTP/1.1 200 -\r\ncontent-length: 4\r\na: b\r\n\r\n"
        );
        for bad in [
            "GET\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        ] {
            assert!(Request::read(&mut bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
