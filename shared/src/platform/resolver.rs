//! Name resolution for the HTTP client, with a guard against names that lead to private addresses.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::lock;

/// Names whose addresses must be public.
pub(super) type Hosts = Arc<Mutex<HashSet<String>>>;

/// The system's resolver. For names from untrusted text it drops addresses that are not public. The
/// check happens where the connection is made, so a name that changes its address between check and
/// use (DNS rebinding) gains nothing.
///
/// Connections that are opened at once to one host share a lookup, because each lookup costs a
/// thread.
pub(super) struct GuardedResolver {
    public_only: Hosts,
    /// Running lookups by name. A finished lookup leaves its name.
    lookups: Mutex<HashMap<String, WeakShared<Lookup>>>,
}

/// The addresses of a name; `None` if it cannot be resolved.
type Lookup = BoxFuture<'static, Option<Vec<SocketAddr>>>;

impl GuardedResolver {
    /// Guards the names in `public_only`.
    pub(super) fn new(public_only: Hosts) -> Self {
        Self {
            public_only,
            lookups: Mutex::default(),
        }
    }

    fn lookup(&self, name: &str) -> Shared<Lookup> {
        let mut lookups = lock(&self.lookups);
        if let Some(lookup) = lookups.get(name).and_then(WeakShared::upgrade) {
            return lookup;
        }
        let asked = name.to_owned();
        let lookup = async move {
            tokio::net::lookup_host((asked, 0))
                .await
                .ok()
                .map(Iterator::collect)
        }
        .boxed()
        .shared();
        lookups.extend(lookup.downgrade().map(|lookup| (name.to_owned(), lookup)));
        lookup
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = lock(&self.public_only).contains(name.as_str());
        let lookup = self.lookup(name.as_str());
        Box::pin(async move {
            let found = lookup.await.ok_or("the name cannot be resolved")?;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| !guarded || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is globally reachable: not in a block of the IANA special-purpose registries
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>), and not a form that leads to
/// such a block (mapped, 6to4, NAT64, Teredo).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b) {
        (0 | 10 | 127 | 224..=255, _)
        | (100, 64..=127)
        | (169, 254)
        | (172, 16..=31)
        | (192, 168)
        | (198, 18 | 19) => true,
        (192, 0) => matches!(c, 0 | 2),
        (192, 88) => c == 99,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is allocated for global use. The blocks below are special within it.
    let special = matches!(
        (first, second),
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    (0x2000..=0x3fff).contains(&first) && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2a00::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.2",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
