//! What lies under `config/` for containers, Kubernetes and proxies: linted by the programs of its field, its commands
//! run outside a container, its proxies run as they are but for names and ports.

use crate::support::house::{json, key, wait_for};
use crate::support::packages;
use crate::support::program::{BINARY, Program, configure};
use crate::support::skipped;
use crate::support::tls_server::Authority;
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json as value};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const DOCKERFILE: &str = include_str!("../../../config/docker/Dockerfile");
const PAGE: &str = include_str!("../../../config/RUNNING.md");

fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

async fn output(mut command: Command) -> Output {
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The words of an instruction that is written as a list.
fn words(instruction: &str) -> Vec<String> {
    let text = DOCKERFILE.replace("\\\n", " ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(instruction));
    let line = lines.next_back().unwrap_or_else(|| panic!("the Dockerfile has no {instruction}"));
    let list = &line[line.find('[').expect("a list of words")..];
    serde_json::from_str(list).unwrap()
}

#[test]
fn hadolint_finds_no_fault_in_the_dockerfile() {
    let Some(python) = packages::python() else { return };
    let hadolint = Path::new(python.get_program()).with_file_name("hadolint");
    let lint = |path: &Path| {
        Command::new(&hadolint).args(["--failure-threshold", "style"]).arg(path).output().unwrap()
    };
    let sound = lint(&config().join("docker/Dockerfile"));
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stdout));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Dockerfile");
    fs::write(&path, DOCKERFILE.replace("# hadolint ignore=DL3008\n", "")).unwrap();
    let faulty = lint(&path);
    assert!(String::from_utf8_lossy(&faulty.stdout).contains("DL3008"), "it looks: {faulty:?}");
}

/// The container's configuration, as the page has it made, where a process outside can use it.
async fn container() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(config()).arg(directory.path()).status().unwrap();
    assert!(copied.success());
    let block = PAGE.split("## A container").nth(1).unwrap().split("```sh\n").nth(1).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-ec", block.split("```").next().unwrap()]).current_dir(directory.path());
    let made = output(shell).await;
    assert!(made.status.success(), "{made:?}");
    let docker = directory.path().join("config/docker");
    let token = fs::read_to_string(docker.join("admin.token")).unwrap();
    let path = docker.join("tidegate/tidegate.toml");
    let text = fs::read_to_string(&path).unwrap();
    let store = directory.path().join("store");
    let text = text.replace("/var/lib/tidegate", store.to_str().unwrap());
    fs::write(&path, text.replace("0.0.0.0:8080", "127.0.0.1:0").replace("0.0.0.0:8081", "127.0.0.1:0"))
        .unwrap();
    (directory, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_image_serve_answer_their_health_check_and_stop() {
    let (directory, token) = container().await;
    let etc = directory.path().join("config/docker/tidegate");
    let (entry, command, health) = (words("ENTRYPOINT "), words("CMD "), {
        let text = DOCKERFILE.replace("\\\n", " ");
        let line = text.lines().find(|line| line.starts_with("HEALTHCHECK ")).unwrap();
        serde_json::from_str::<Vec<String>>(&line[line.find('[').unwrap()..]).unwrap()
    });
    assert_eq!(entry, ["/usr/bin/tidegate"]);
    let [log, format, verb, option, path] = &command[..] else { panic!("{command:?}") };
    assert_eq!(
        [log, format, verb, option, path].map(String::as_str),
        ["--log", "json", "serve", "--config", "/etc/tidegate"],
        "which is how tests start it"
    );
    let program = Program::start(&etc).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let metrics = client.get(program.admin_url("/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), StatusCode::UNAUTHORIZED);
    let metrics = client.get(program.admin_url("/metrics")).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(metrics.status(), StatusCode::OK, "the token of the page opens it");
    let [_, verb, option, url] = &health[..] else { panic!("{health:?}") };
    assert_eq!(url, "http://127.0.0.1:8081");
    let mut check = Command::new(BINARY);
    check.args([verb.as_str(), option.as_str(), &program.admin_url("")]);
    let well = output(check).await;
    assert_eq!((well.status.code(), &well.stdout[..]), (Some(0), &b"ready\n"[..]), "{well:?}");
    let url = program.admin_url("");
    assert!(program.terminate().await.success());
    let mut check = Command::new(BINARY);
    check.args([verb.as_str(), option.as_str(), &url]);
    assert_eq!(output(check).await.status.code(), Some(1));
}

const READ_YAML: &str = "import sys, yaml, json\n\
    print(json.dumps([list(yaml.safe_load_all(open(path))) for path in sys.argv[1:]]))";

/// The documents of YAML files.
async fn yaml(paths: &[PathBuf]) -> Option<Vec<Vec<Value>>> {
    let mut python = packages::python()?;
    python.args(["-c", READ_YAML]).args(paths);
    let read = output(python).await;
    Some(serde_json::from_slice(&read.stdout).unwrap_or_else(|error| panic!("{error}: {read:?}")))
}

#[tokio::test]
async fn what_the_compose_file_mounts_is_there_and_prometheus_takes_its_configuration() {
    let docker = config().join("docker");
    let paths = ["compose.yaml", "prometheus.yml", "grafana/datasources.yaml", "grafana/dashboards.yaml"]
        .map(|name| docker.join(name));
    let Some(read) = yaml(&paths).await else { return };
    let [compose, prometheus, sources, dashboards] = [0, 1, 2, 3].map(|n| read[n][0].clone());
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["grafana", "prometheus", "tidegate"]);
    for (name, service) in services {
        for volume in service["volumes"].as_array().unwrap() {
            let from = volume.as_str().unwrap().split(':').next().unwrap();
            let is_there = match from.starts_with('.') {
                true => docker.join(from).exists(),
                false => compose["volumes"].as_object().unwrap().contains_key(from),
            };
            assert!(is_there, "{name} mounts {from}");
        }
        for port in service["ports"].as_array().unwrap() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name} opens {port} to the world");
        }
    }
    assert_eq!(prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0], "tidegate:8081");
    let mounted = dashboards["providers"][0]["options"]["path"].as_str().unwrap();
    let mounts = services["grafana"]["volumes"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount.as_str().unwrap().contains(mounted)), "{mounts:?}");
    assert_eq!(sources["datasources"][0]["url"], "http://prometheus:9090");
    // what Grafana and Prometheus read of the project is where they look
    let seen_at = |service: &str, place: &str| {
        let mounts = services[service]["volumes"].as_array().unwrap().iter();
        let mut parts = mounts.map(|mount| mount.as_str().unwrap().split(':').collect::<Vec<_>>());
        let found = parts.find(|parts| parts[1] == place).unwrap_or_else(|| panic!("{service}: {place}"));
        fs::read_dir(docker.join(found[0]))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    assert!(seen_at("grafana", mounted).contains(&"overview.json".into()));
    let rules = prometheus["rule_files"][0].as_str().unwrap();
    let (place, pattern) = rules.rsplit_once('/').unwrap();
    assert_eq!(pattern, "*.yaml");
    let rules = seen_at("prometheus", place);
    assert!(
        ["alerts.yaml", "recording.yaml"].iter().all(|name| rules.contains(&(*name).into())),
        "{rules:?}"
    );

    let directory = tempfile::tempdir().unwrap();
    let (token, path) = (directory.path().join("token"), directory.path().join("prometheus.yml"));
    fs::write(&token, "secret").unwrap();
    let text = fs::read_to_string(&paths[1]).unwrap();
    fs::write(&path, text.replace("/run/secrets/admin_token", token.to_str().unwrap())).unwrap();
    let mut promtool = Command::new("promtool");
    match promtool.args(["check", "config"]).arg(&path).output() {
        Err(error) => skipped::without_tool("promtool", &error),
        Ok(checked) => assert!(checked.status.success(), "{checked:?}"),
    }
}

const VALIDATE: &str = "import sys, yaml, kubernetes_validate\n\
    documents = [d for d in yaml.safe_load_all(open(sys.argv[1]))]\n\
    for document in documents:\n    \
        kubernetes_validate.validate(document, sys.argv[2], strict=True)\n\
    print(len(documents))";

#[tokio::test]
async fn the_manifests_are_such_as_kubernetes_takes() {
    let Some(mut python) = packages::python() else { return };
    let path = config().join("kubernetes/tidegate.yaml");
    python.args(["-c", VALIDATE]).arg(&path).arg("1.33");
    let checked = output(python).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let directory = tempfile::tempdir().unwrap();
    let faulty = directory.path().join("faulty.yaml");
    fs::write(&faulty, fs::read_to_string(&path).unwrap().replace("replicas: 1", "replicass: 1")).unwrap();
    let mut python = packages::python().unwrap();
    python.args(["-c", VALIDATE]).arg(&faulty).arg("1.33");
    assert!(!output(python).await.status.success(), "it looks");

    let read = yaml(&[path, config().join("kubernetes/podmonitor.yaml")]).await.unwrap();
    let set = read[0].iter().find(|document| document["kind"] == "StatefulSet").unwrap();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], value!(words("CMD ")), "as the image starts it");
    let paths =
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| &container[probe]["httpGet"]["path"]);
    assert_eq!(paths, [&value!("/livez"), &value!("/livez"), &value!("/readyz")]);
    let user = DOCKERFILE.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let context = &set["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(format!("{}:{}", context["runAsUser"], context["runAsGroup"]), user);
    let endpoint = &read[1][0]["spec"]["podMetricsEndpoints"][0];
    let ports = container["ports"].as_array().unwrap();
    assert!(ports.iter().any(|port| port["name"] == endpoint["port"]), "{endpoint}");
    // the configuration in the map is one that the program takes
    let map = read[0].iter().find(|document| document["kind"] == "ConfigMap").unwrap();
    let etc = directory.path().join("etc");
    fs::create_dir(&etc).unwrap();
    fs::write(etc.join("tidegate.toml"), map["data"]["tidegate.toml"].as_str().unwrap()).unwrap();
    let mut check = Command::new(BINARY);
    check.args(["check", "--config"]).arg(&etc);
    let checked = output(check).await;
    assert!(checked.status.success(), "{checked:?}");
}

/// A proxy that runs until this is dropped.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        // asked to end, it ends its workers too
        let id = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What matters through a proxy: ids with an escaped slash, a stream at once, a body of some megabytes, TLS.
async fn passes_what_matters(program: &Program, authority: &Authority, port: u16) {
    let roots = tempfile::tempdir().unwrap();
    let root = fs::read(authority.roots(roots.path())).unwrap();
    let root = Certificate::from_pem(&root).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let base = format!("https://127.0.0.1:{port}");
    let me = wait_for("the proxy", async || {
        let answer = client.get(format!("{base}/api/me")).bearer_auth(key("acme")).send().await.ok()?;
        (answer.status() == StatusCode::OK).then(|| answer.headers().contains_key("content-type"))
    })
    .await;
    assert!(me);
    let put = client.put(format!("{base}/api/assets/a%2Fb")).bearer_auth(key("acme"));
    let put = json(put, &value!({"name": "n"})).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    let direct = client_of_plain().get(program.url("/api/assets/a%2Fb")).bearer_auth(key("acme"));
    assert_eq!(direct.send().await.unwrap().status(), StatusCode::OK, "the id came as it was sent");
    let stream = client.get(format!("{base}/api/changes?since=now")).bearer_auth(key("acme"));
    let mut stream = stream.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let note = "x".repeat(50 << 10);
    let batch: Vec<Value> = (0..60).map(|n| value!({"id": n.to_string(), "note": note})).collect();
    let post = json(client.post(format!("{base}/api/assets")).bearer_auth(key("acme")), &value!(batch));
    let taken = post.send().await.unwrap();
    let (status, answer) = (taken.status(), taken.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "three megabytes: {}", answer.get(..500).unwrap_or(&answer));
    let mut came = Vec::new();
    while !String::from_utf8_lossy(&came).contains("asset.created") {
        came.extend(stream.chunk().await.unwrap().expect("the stream goes on"));
    }
    let code = wait_for("room for what is taken in", async || {
        let too_large = client.post(format!("{base}/api/assets")).bearer_auth(key("acme"));
        let refused = json(too_large, &value!({"name": "x".repeat(4_500_000)})).send().await.unwrap();
        let is_busy = refused.status() == StatusCode::SERVICE_UNAVAILABLE;
        let problem: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
        (!is_busy).then(|| problem["code"].clone())
    })
    .await;
    assert_eq!(code, "body_too_large", "the reason is Tidegate's own");
}

fn client_of_plain() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A daemon, certificates, and a directory for the proxy.
async fn behind_a_proxy() -> (TempDir, Program, Authority) {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let authority = Authority::new();
    let signed = authority.server("127.0.0.1");
    fs::write(directory.path().join("tidegate.pem"), signed.chain).unwrap();
    fs::write(directory.path().join("tidegate.key"), signed.key).unwrap();
    let program = Program::start(directory.path()).await;
    (directory, program, authority)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_in_front_passes_what_matters() {
    let (directory, program, authority) = behind_a_proxy().await;
    let (place, port) = (directory.path().display(), free_port());
    let site = fs::read_to_string(config().join("proxy/nginx.conf")).unwrap();
    let site = site
        .replace("127.0.0.1:8080", &program.address.to_string())
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace("/etc/ssl/", &format!("{place}/"));
    let whole = format!(
        "pid {place}/nginx.pid;\nerror_log {place}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {place}/body;\nproxy_temp_path {place}/proxy;\nfastcgi_temp_path {place}/f;\n\
         uwsgi_temp_path {place}/u;\nscgi_temp_path {place}/s;\n{site}\n}}\n"
    );
    let path = directory.path().join("nginx.conf");
    fs::write(&path, whole).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-c").arg(&path).args(["-g", "daemon off;"]).stderr(Stdio::inherit());
    let _proxy = match nginx.spawn() {
        Ok(child) => Proxy(child),
        Err(error) => return skipped::without_tool("nginx", &error),
    };
    passes_what_matters(&program, &authority, port).await;
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_in_front_passes_what_matters() {
    let (directory, program, authority) = behind_a_proxy().await;
    let (place, port) = (directory.path().display(), free_port());
    let site = fs::read_to_string(config().join("proxy/Caddyfile")).unwrap();
    let begin = format!("https://127.0.0.1:{port} {{\n\ttls {place}/tidegate.pem {place}/tidegate.key\n");
    let site =
        site.replace("tidegate.example {\n", &begin).replace("127.0.0.1:8080", &program.address.to_string());
    let path = directory.path().join("Caddyfile");
    fs::write(&path, format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")).unwrap();
    let mut caddy = Command::new("caddy");
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path);
    caddy.env("HOME", directory.path()).env("XDG_DATA_HOME", directory.path()).stderr(Stdio::null());
    let _proxy = match caddy.spawn() {
        Ok(child) => Proxy(child),
        Err(error) => return skipped::without_tool("caddy", &error),
    };
    passes_what_matters(&program, &authority, port).await;
    program.kill();
}

#[test]
fn what_the_debian_package_installs_is_there_and_its_scripts_are_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let mut installed = Vec::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [from, to, mode] = &asset.as_array().unwrap()[..] else { panic!("{asset}") };
        let (from, to) = (from.as_str().unwrap(), to.as_str().unwrap());
        assert!(u32::from_str_radix(mode.as_str().unwrap(), 8).is_ok(), "{asset}");
        installed.push(to.to_owned() + from.rsplit('/').next().unwrap());
        let place = from.split('*').next().unwrap();
        assert!(from == "target/release/tidegate" || root.join(place).exists(), "{from} is not there");
    }
    for conf in deb["conf-files"].as_array().unwrap() {
        let conf = conf.as_str().unwrap().trim_start_matches('/');
        assert!(installed.iter().any(|path| path == conf), "{conf} is not installed: {installed:?}");
    }
    let units = root.join(deb["systemd-units"]["unit-scripts"].as_str().unwrap());
    assert!(units.join(format!("{}.service", deb["systemd-units"]["unit-name"].as_str().unwrap())).exists());
    let scripts = root.join(deb["maintainer-scripts"].as_str().unwrap());
    for script in ["postinst", "postrm"] {
        let checked = Command::new("sh").arg("-n").arg(scripts.join(script)).output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
        assert!(fs::read_to_string(scripts.join(script)).unwrap().contains("#DEBHELPER#"), "{script}");
    }
    // the configuration that it installs is one that the program takes
    let directory = tempfile::tempdir().unwrap();
    fs::copy(scripts.join("tidegate.toml"), directory.path().join("tidegate.toml")).unwrap();
    let checked = Command::new(BINARY).args(["check", "--config"]).arg(directory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.contains("keeps its store in /var/lib/tidegate\n"), "{said}");
}
