//! The services that functions call: small TLS 1.3 servers on this machine. They answer at once or
//! after a service time, and with the delay of a distance.
//!
//! The delay is where a network has it. A connection is accepted, and the data that a client sends
//! before it waits is read one round trip later. So TCP, TLS and each request cost one round trip
//! each, as over a network.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use clap::{builder::TypedValueParser as _, value_parser};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use sandbox::okta::PRIVATE_KEY;

use super::{
    answers::{Answers, Service},
    http::{self, Request},
};

/// The distance of the upstreams and their service time.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct Distance {
    /// Round trip time to the upstreams
    #[arg(long = "rtt-ms", value_name = "MS", default_value = "0", value_parser = value_parser!(u64).range(0..=1_000).map(Duration::from_millis))]
    pub(super) round_trip: Duration,
    /// Service time of the upstreams
    #[arg(long = "service-ms", value_name = "MS", default_value = "0", value_parser = value_parser!(u64).range(0..=1_000).map(Duration::from_millis))]
    pub(super) service: Duration,
}

/// The traffic of all upstreams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Number of connections, with or without a completed handshake.
    pub(super) connections: usize,
    pub(super) requests: usize,
}

#[derive(Default)]
struct Counters {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Open connections, by number in the order of creation.
    open: Mutex<BTreeMap<usize, TcpStream>>,
}

impl Counters {
    fn open(&self) -> MutexGuard<'_, BTreeMap<usize, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The servers. They end with the process.
pub(super) struct Upstreams {
    ports: BTreeMap<Service, u16>,
    counters: Arc<Counters>,
    authority: PathBuf,
}

impl Upstreams {
    /// Listens at the first address of `localhost`. A certificate authority for this run certifies
    /// the servers. Its own certificate is written to `file`.
    pub(super) fn open(file: &Path) -> io::Result<(Self, Waiting)> {
        let (config, authority) = certify().map_err(io::Error::other)?;
        fs::write(file, authority)?;
        let address = ("localhost", 0)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::other("localhost has no address"))?;
        let mut listeners = Vec::new();
        for service in Service::ALL {
            listeners.push((
                service,
                TcpListener::bind(SocketAddr::new(address.ip(), 0))?,
            ));
        }
        let port = |(service, listener): &(Service, TcpListener)| {
            Ok((*service, listener.local_addr()?.port()))
        };
        let ports = listeners.iter().map(port).collect::<io::Result<_>>()?;
        let upstreams = Self {
            ports,
            counters: Arc::default(),
            authority: file.to_owned(),
        };
        let waiting = Waiting {
            listeners,
            config,
            counters: Arc::clone(&upstreams.counters),
        };
        Ok((upstreams, waiting))
    }

    /// `https://localhost:PORT`.
    pub(super) fn url(&self, service: Service) -> String {
        format!("https://localhost:{}", self.ports[&service])
    }

    /// The authority's certificate, PEM.
    pub(super) fn authority(&self) -> &Path {
        &self.authority
    }

    /// Closes all connections, as servers do with idle ones.
    pub(super) fn hang_up(&self) {
        for (_, connection) in std::mem::take(&mut *self.counters.open()) {
            // The client may have closed the connection first.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// The traffic so far.
    pub(super) fn traffic(&self) -> Traffic {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Traffic {
            connections: count(&self.counters.connections),
            requests: count(&self.counters.requests),
        }
    }
}

/// Listeners without answers yet.
pub(super) struct Waiting {
    listeners: Vec<(Service, TcpListener)>,
    config: Arc<ServerConfig>,
    counters: Arc<Counters>,
}

impl Waiting {
    /// Starts to serve.
    pub(super) fn serve(self, answers: &Arc<Answers>, distance: Distance) {
        for (service, listener) in self.listeners {
            let (config, counters, answers) = (
                Arc::clone(&self.config),
                Arc::clone(&self.counters),
                Arc::clone(answers),
            );
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let number = counters.connections.fetch_add(1, Ordering::Relaxed);
                    counters
                        .open()
                        .extend(stream.try_clone().map(|stream| (number, stream)));
                    let (config, counters, answers) = (
                        Arc::clone(&config),
                        Arc::clone(&counters),
                        Arc::clone(&answers),
                    );
                    thread::spawn(move || {
                        // A client may end while it is served; this is not a problem.
                        let _ = serve(service, stream, config, &counters, &answers, distance);
                        counters.open().remove(&number);
                    });
                }
            });
        }
    }
}

fn serve(
    service: Service,
    stream: TcpStream,
    config: Arc<ServerConfig>,
    counters: &Counters,
    answers: &Answers,
    distance: Distance,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    pause(distance.round_trip);
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let far = Far {
        stream,
        round_trip: distance.round_trip,
        begun: false,
    };
    let mut stream = BufReader::new(StreamOwned::new(connection, far));
    while let Some(request) = Request::read(&mut stream)? {
        counters.requests.fetch_add(1, Ordering::Relaxed);
        pause(distance.service);
        let answer = answers.answer(service, &request);
        let mut headers = vec![("content-type", answer.content_type)];
        headers.extend(answer.location.map(|location| ("location", location)));
        http::answer(
            stream.get_mut(),
            &request,
            answer.status,
            &headers,
            answer.body,
        )?;
    }
    Ok(())
}

fn pause(time: Duration) {
    if !time.is_zero() {
        thread::sleep(time);
    }
}

/// A stream to a client that is one round trip away.
struct Far {
    stream: TcpStream,
    round_trip: Duration,
    /// True after the first read.
    begun: bool,
}

impl Far {
    /// Reads the available data without waiting.
    fn read_more(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let mut length = 0;
        while let Ok(more @ 1..) = self.stream.read(&mut buffer[length..]) {
            length += more;
        }
        self.stream.set_nonblocking(false).map(|()| length)
    }
}

impl Read for Far {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.round_trip.is_zero() {
            return self.stream.read(buffer);
        }
        // Data that does not fit into one buffer has travelled together with its beginning, so it
        // is not delayed again. The first data has waited for the connection.
        if self.begun
            && let length @ 1.. = self.read_more(buffer)?
        {
            return Ok(length);
        }
        self.begun = true;
        let length = self.stream.read(buffer)?;
        if length > 0 {
            thread::sleep(self.round_trip);
        }
        Ok(length + self.read_more(&mut buffer[length..])?)
    }
}

impl Write for Far {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The configuration of a server with a certificate for `localhost`, and the PEM certificate of its
/// authority. The keys are RSA with 2,048 bits, and there is one intermediate authority, as at AWS,
/// Okta and Twilio. All certificates share one key; this makes no difference to a client's check.
fn certify() -> Result<(Arc<ServerConfig>, String), Box<dyn std::error::Error + Send + Sync>> {
    let key = || KeyPair::from_pem(PRIVATE_KEY);
    let authority = |name: &str| {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, name);
        authority
    };
    let (root, between) = (authority("Benchmark Root"), authority("Benchmark"));
    let pem = root.self_signed(&key()?)?.pem();
    let middle = between.signed_by(&key()?, &Issuer::new(root, key()?))?;
    let leaf = CertificateParams::new(["localhost".to_owned()])?
        .signed_by(&key()?, &Issuer::new(between, key()?))?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key()?.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), middle.der().clone()], private)?;
    Ok((Arc::new(config), pem))
}
