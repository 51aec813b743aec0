//! Web servers as partners have them, each started for itself over one directory, on ports of loopback.

use crate::support::packages;
use crate::support::skipped;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidegate::clock;
use tokio::net::TcpStream;

/// One way to serve the directory.
pub struct Endpoint {
    pub name: &'static str,
    pub address: SocketAddr,
}

/// A server that ends with the test, and the ways in which it serves.
pub struct Running {
    child: Child,
    has_children: bool,
    pub endpoints: Vec<Endpoint>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_children {
            // it takes them along
            let id = i32::try_from(self.child.id()).expect("an id of a process");
            let id = rustix::process::Pid::from_raw(id).expect("not zero");
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Ports that nobody listens on now.
fn free<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Starts it, and waits until it listens on all of its ports; `None`, loudly, where it is not there.
async fn start<const N: usize>(
    tool: &str,
    own: &Path,
    names: [&'static str; N],
    ports: [u16; N],
    mut command: Command,
) -> Option<Running> {
    let log = own.join(format!("{tool}.log"));
    let said = File::create(&log).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
    let mut child = child.map_err(|error| skipped::without_tool(tool, &error)).ok()?;
    let mut endpoints = Vec::new();
    for (name, port) in names.into_iter().zip(ports) {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for attempt in 0.. {
            if TcpStream::connect(address).await.is_ok() {
                break;
            }
            let is_up = child.try_wait().unwrap().is_none() && attempt < 3_000;
            assert!(is_up, "{name} does not listen: {}", std::fs::read_to_string(&log).unwrap_or_default());
            clock::sleep(Duration::from_millis(10)).await;
        }
        endpoints.push(Endpoint { name, address });
    }
    Some(Running { child, has_children: false, endpoints })
}

pub async fn nginx(root: &Path, own: &Path) -> Option<Running> {
    let [plain, gzip] = free();
    let here = own.display();
    let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|place| format!("{place}_temp_path {here}/{place};\n"))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; {places} types {{ application/json json; }} root {root};\n\
         server {{ listen 127.0.0.1:{plain}; }}\n\
         server {{ listen 127.0.0.1:{gzip}; gzip on; gzip_types application/json; gzip_min_length 1; }} }}\n",
        root = root.display()
    );
    let file = format!("{here}/nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-c", &file, "-e", &format!("{here}/error.log"), "-p", &here.to_string()]);
    start("nginx", own, ["nginx", "nginx-gzip"], [plain, gzip], command).await
}

pub async fn apache(root: &Path, own: &Path) -> Option<Running> {
    let [plain, deflate] = free();
    let modules: String = ["mpm_event", "authz_core", "mime", "filter", "deflate"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    let config = format!(
        "{modules}ServerName localhost\nPidFile {own}/apache.pid\nErrorLog {own}/apache.log\nMutex file:{own}\n\
         User www-data\nGroup www-data\nTypesConfig /dev/null\nAddType application/json .json\n\
         Listen 127.0.0.1:{plain}\nListen 127.0.0.1:{deflate}\nDocumentRoot {root}\n\
         <Directory {root}>\nRequire all granted\n</Directory>\n\
         <VirtualHost 127.0.0.1:{plain}>\nDocumentRoot {root}\n</VirtualHost>\n\
         <VirtualHost 127.0.0.1:{deflate}>\nDocumentRoot {root}\nAddOutputFilterByType DEFLATE application/json\n</VirtualHost>\n",
        own = own.display(),
        root = root.display()
    );
    let file = own.join("apache.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("/usr/sbin/apache2");
    // a child that compresses a file maps it, and dies where the file becomes shorter: its parent starts another
    command.arg("-DFOREGROUND").arg("-d").arg(own).arg("-f").arg(file);
    let mut running = start("apache2", own, ["apache", "apache-deflate"], [plain, deflate], command).await?;
    running.has_children = true;
    Some(running)
}

pub async fn lighttpd(root: &Path, own: &Path) -> Option<Running> {
    let [plain, deflate] = free();
    // what it knows of a file for a second would only make the test wait for a second
    let config = format!(
        "server.document-root = \"{root}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {plain}\n\
         server.modules = (\"mod_deflate\")\nserver.stat-cache-engine = \"disable\"\n\
         mimetype.assign = (\".json\" => \"application/json\")\n\
         $SERVER[\"socket\"] == \"127.0.0.1:{deflate}\" {{ deflate.mimetypes = (\"application/json\") }}\n",
        root = root.display()
    );
    let file = own.join("lighttpd.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("/usr/sbin/lighttpd");
    command.arg("-D").arg("-f").arg(file);
    start("lighttpd", own, ["lighttpd", "lighttpd-deflate"], [plain, deflate], command).await
}

pub async fn caddy(root: &Path, own: &Path) -> Option<Running> {
    let [plain, encode] = free();
    let config = format!(
        "{{\n admin off\n auto_https off\n}}\n\
         http://:{plain} {{\n bind 127.0.0.1\n root * {root}\n file_server\n}}\n\
         http://:{encode} {{\n bind 127.0.0.1\n root * {root}\n encode zstd gzip\n file_server\n}}\n",
        root = root.display()
    );
    let file = own.join("Caddyfile");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("caddy");
    command.arg("run").arg("--adapter").arg("caddyfile").arg("--config").arg(file);
    command.env("HOME", own).env("XDG_DATA_HOME", own).env("XDG_CONFIG_HOME", own);
    start("caddy", own, ["caddy", "caddy-encode"], [plain, encode], command).await
}

pub async fn node(root: &Path, own: &Path) -> Option<Running> {
    let ports: [u16; 3] = free();
    let mut command = packages::node()?;
    command
        .arg(packages::script("tools/servers/static.mjs"))
        .arg(root)
        .args(ports.map(|port| port.to_string()));
    start("node", own, ["express", "express-compression", "http-server"], ports, command).await
}

pub async fn starlette(root: &Path, own: &Path) -> Option<Running> {
    let ports: [u16; 2] = free();
    let mut command = packages::python()?;
    command
        .arg(packages::script("tools/servers/static.py"))
        .arg(root)
        .args(ports.map(|port| port.to_string()));
    start("python3", own, ["starlette", "starlette-gzip"], ports, command).await
}
