//! Logins for the desks of the demo: made as a technician and an officer would, with the one-time code of `portside user
//! add` and a password chosen at the first log-in. They are kept beside the demo's state, and good for nothing else.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::daemon::Paths;
use crate::control::call::{Call, Reply};
use crate::control::socket;
use crate::people::{Role, UserAct};
use crate::screens::certificate;

/// Who sits at the desks: agency, name at log-in, name for people.
pub(super) const PEOPLE: [(&str, &str, &str); 2] = [("customs", "zhang.wei", "张伟"), ("ciq", "li.na", "李娜")];
/// The daemon may just be starting.
const AGAIN: Duration = Duration::from_millis(300);

/// One login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Login {
    /// Whose desk it opens.
    pub(super) agency: String,
    /// What is typed as the name.
    pub(super) name: String,
    /// What is typed as the password.
    pub(super) password: String,
}

/// Makes the logins of the daemon in `paths` whose pages are at `pages`, or reads those of an earlier run. It waits until
/// the daemon answers.
///
/// # Errors
/// Why they cannot be made.
pub(super) async fn make(paths: &Paths, pages: SocketAddr) -> Result<Vec<Login>, String> {
    let file = Kept(paths.dir.join("logins.json"));
    let mut known = file.read();
    for (agency, name, display) in PEOPLE {
        if known.iter().any(|login| login.agency == agency) {
            continue;
        }
        let add = UserAct::Add {
            name: name.to_owned(),
            display: Some(display.to_owned()),
            agency: agency.to_owned(),
            role: Role::Officer,
        };
        let mut code = ask(paths, add).await;
        if matches!(code, Reply::Refused { .. }) {
            // An earlier run was killed before it had written the password down.
            code = ask(paths, UserAct::Code { name: name.to_owned() }).await;
        }
        let Reply::Code { code, .. } = code else { return Err(format!("no one-time code for {name}: {code:?}")) };
        let password = password()?;
        let chosen = json!({ "name": name, "code": code.expose(), "password": password });
        let explain = |error| format!("{name}: {error}");
        let cookie = post(paths, pages, "/api/first", "", &chosen.to_string()).await.map_err(explain)?;
        // The desk is to be free for whoever comes.
        post(paths, pages, "/api/logout", &cookie, "{}").await.map_err(explain)?;
        known.push(Login { agency: agency.to_owned(), name: name.to_owned(), password });
        file.write(&known).map_err(|error| format!("{}: {error}", file.0.display()))?;
    }
    Ok(known)
}

/// Asks the daemon, which may just be starting.
async fn ask(paths: &Paths, act: UserAct) -> Reply {
    loop {
        match socket::ask(&paths.socket(), &Call::User { act: act.clone() }).await {
            Ok(reply) => return reply,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Three groups of letters that are easy to read off a terminal and to type.
fn password() -> Result<String, String> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

/// Sends what a page would send, and gives the cookie that came back.
async fn post(paths: &Paths, pages: SocketAddr, path: &str, cookie: &str, body: &str) -> Result<String, String> {
    let explain = |error: io::Error| format!("the pages at {pages} cannot be reached: {error}");
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(pages).await {
            break connect(paths, pages, stream).await.map_err(explain)?;
        }
        tokio::time::sleep(AGAIN).await;
    };
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {pages}\r\nOrigin: https://{pages}\r\nX-Portside: 1\r\nCookie: {cookie}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(explain)?;
    let mut answer = Vec::new();
    // A server that closes without saying so has answered all the same.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("it was refused: {}", answer.lines().last().unwrap_or("no answer")));
    }
    let cookie = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:"));
    let value = cookie.and_then(|line| line.split_once(':')).and_then(|(_, cookie)| cookie.split(';').next());
    Ok(value.unwrap_or_default().trim().to_owned())
}

/// The certificate that the daemon made is the only one that is trusted.
async fn connect(
    paths: &Paths,
    pages: SocketAddr,
    stream: TcpStream,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let certificate = CertificateDer::from_pem_file(paths.store().join(certificate::OWN_PUBLIC));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(ServerName::from(pages.ip()), stream).await
}

/// Where logins are written down.
struct Kept(PathBuf);

impl Kept {
    fn read(&self) -> Vec<Login> {
        std::fs::read(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, logins: &[Login]) -> io::Result<()> {
        let file = std::fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&self.0)?;
        Ok(serde_json::to_writer_pretty(file, logins)?)
    }
}
