//! The sandbox at another address of this machine, for containers.

use std::net::{IpAddr, Ipv4Addr};

use sandbox::Sandbox;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Connections to every server of the sandbox, except the page. They end when this is dropped.
#[derive(Default)]
pub(super) struct Relays(JoinSet<()>);

impl Relays {
    /// Listens at the address on the ports of the sandbox.
    pub(super) async fn open(&mut self, address: IpAddr, sandbox: &Sandbox) -> Result<(), String> {
        for (name, server) in sandbox.servers() {
            let port = server.port();
            let listener = TcpListener::bind((address, port)).await.map_err(|error| {
                format!("--listen {address}: port {port} ({name}): {error}\nIt must be an address of this machine that containers reach, such as that of docker0.")
            })?;
            self.0.spawn(relay(listener, port));
        }
        Ok(())
    }
}

async fn relay(listener: TcpListener, port: u16) {
    loop {
        let Ok((mut outside, _)) = listener.accept().await else {
            return;
        };
        tokio::spawn(async move {
            if let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                // A connection that breaks is over, on either side.
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of 127/8 is this machine, so a second address needs no set-up.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn another_address_leads_to_the_same_servers() {
        let sandbox = Sandbox::start().await;
        let mut relays = Relays::default();
        let address = "127.0.0.2".parse().unwrap();
        relays.open(address, &sandbox).await.unwrap();
        let port = sandbox.auth0.server().port();
        let url = format!("http://127.0.0.2:{port}/.well-known/jwks.json");
        let keys = sandbox::wire::client().get(&url).send().await.unwrap();
        assert_eq!(keys.status(), 200);
        let again = Relays::default().open(address, &sandbox).await;
        assert!(again.unwrap_err().contains("--listen 127.0.0.2"));
    }
}
