//! A directory of configuration: `tidegate.toml`, and `partners/NAME.toml` for each partner.

use super::fault::{Faults, Wrong};
use super::raw::{Findings, Section, Source};
use super::validate::{House, house, partner};
use super::{PartnerSettings, ReaderSettings, ServerSettings, Settings};
use crate::domain::PartnerName;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The daemon's own file.
pub const MAIN_FILE: &str = "tidegate.toml";
/// The directory of the partners' files, each named after its partner.
pub const PARTNERS_DIRECTORY: &str = "partners";

/// A file of configuration beyond this is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;
const MAIN_OWNER: &str = "the daemon's own file";
const PARTNERS_MAX: usize = 100_000;

/// Reads and validates the configuration in `directory`: the settings, or all that is wrong.
pub fn load(directory: &Path) -> Result<Settings, Faults> {
    let findings = Findings::default();
    let House { server, store, readers, operators } = main_file(directory, &findings);
    let files = partner_files(directory, &findings);
    let partners = files.into_iter().filter_map(|file| partner_file(directory, file, &server, &findings));
    let partners = partners.collect();
    let faults = findings.faults.into_inner();
    if faults.is_empty() {
        Ok(Settings { server, store, readers, operators, partners })
    } else {
        Err(Faults(faults))
    }
}

/// Validates one partner's text by itself, before it becomes a file.
pub fn read_partner(directory: &Path, name: &PartnerName, text: &str) -> Result<PartnerSettings, Faults> {
    let findings = Findings::default();
    let file = directory.join(PARTNERS_DIRECTORY).join(format!("{name}.toml"));
    let source = Source { file, text, owner: format!("partner {name}"), directory, findings: &findings };
    let partner = read_source(&source, name.clone(), &ServerSettings::default());
    let faults = findings.faults.into_inner();
    match partner {
        Some(partner) if faults.is_empty() => Ok(partner),
        _ => Err(Faults(faults)),
    }
}

/// Validates the daemon's own text by itself, before it becomes a file; gives the readers of it.
pub fn read_main(directory: &Path, text: &str) -> Result<Vec<ReaderSettings>, Faults> {
    let findings = Findings::default();
    let (file, owner) = (directory.join(MAIN_FILE), MAIN_OWNER.to_owned());
    let source = Source { file, text, owner, directory, findings: &findings };
    let readers = source.parse().map(|table| house(Section::whole(&source, table.get_ref())).readers);
    let faults = findings.faults.into_inner();
    match readers {
        Some(readers) if faults.is_empty() => Ok(readers),
        _ => Err(Faults(faults)),
    }
}

/// Where the daemon of this configuration is asked by operators; the default where nothing sound is said.
pub fn admin_listen(directory: &Path) -> SocketAddr {
    main_file(directory, &Findings::default()).server.admin_listen
}

fn main_file(directory: &Path, findings: &Findings) -> House {
    let file = directory.join(MAIN_FILE);
    let text = read(&file).unwrap_or_else(|cause| {
        let hint = match cause.kind() {
            ErrorKind::NotFound => "tidegate partner add NAME makes one where there is none",
            _ => "it must be a text file that this user may read",
        };
        findings.report_file(file.clone(), Wrong::rule(format!("cannot be read: {cause}")).hint(hint));
        String::new()
    });
    let owner = MAIN_OWNER.to_owned();
    let source = Source { file, text: &text, owner, directory, findings };
    let table = source.parse();
    match &table {
        Some(table) => house(Section::whole(&source, table.get_ref())),
        None => house(Section::whole(&source, &Default::default())),
    }
}

/// The partners' files by name, so that faults come in the same order each time. Files that do
/// not end in `.toml` and hidden ones are none of ours: editors leave them behind.
fn partner_files(directory: &Path, findings: &Findings) -> Vec<PathBuf> {
    let partners = directory.join(PARTNERS_DIRECTORY);
    let listed = std::fs::read_dir(&partners).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<io::Result<Vec<_>>>()
    });
    let mut files = match listed {
        Ok(paths) => paths,
        Err(cause) if cause.kind() == ErrorKind::NotFound => Vec::new(),
        Err(cause) => {
            findings.report_file(partners, Wrong::rule(format!("cannot be listed: {cause}")));
            return Vec::new();
        }
    };
    let hidden = |path: &Path| path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !hidden(path));
    files.sort();
    if files.len() > PARTNERS_MAX {
        findings.report_file(partners, Wrong::rule(format!("must hold at most {PARTNERS_MAX} partners")));
        files.truncate(PARTNERS_MAX);
    }
    files
}

fn partner_file(
    directory: &Path,
    file: PathBuf,
    server: &ServerSettings,
    findings: &Findings,
) -> Option<PartnerSettings> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = match PartnerName::new(stem) {
        Ok(name) => name,
        Err(error) => {
            let wrong = Wrong::rule(format!("the file is named after its partner, and {error}"));
            findings.report_file(file, wrong);
            return None;
        }
    };
    let text = match read(&file) {
        Ok(text) => text,
        Err(cause) => {
            findings.report_file(file, Wrong::rule(format!("cannot be read: {cause}")));
            return None;
        }
    };
    let owner = format!("partner {name}");
    read_source(&Source { file, text: &text, owner, directory, findings }, name, server)
}

fn read_source(source: &Source<'_>, name: PartnerName, server: &ServerSettings) -> Option<PartnerSettings> {
    let table = source.parse()?;
    Some(partner(Section::whole(source, table.get_ref()), name, server))
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}
