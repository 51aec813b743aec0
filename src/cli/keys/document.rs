//! A file of the configuration on its way to be changed: its comments and its order stay.
//!
//! It is written beside its place and renamed, so that a daemon reads the old one or the new one, and
//! only where the new one is sound. What cannot be changed so is left as it is.

use crate::config::{
    self, BearerKey, Faults, MAIN_FILE, PARTNERS_DIRECTORY, PartnerSettings, ReaderSettings, private,
};
use crate::domain::PartnerName;
use anyhow::{Context, bail};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use toml_edit::DocumentMut;

/// Whose keys are changed.
#[derive(Clone, Debug)]
pub enum KeyOwner {
    /// In a file of its own.
    Partner(PartnerName),
    /// In the daemon's own file.
    Reader(String),
}

/// The file, as it was and as it is to be.
pub struct ConfigDocument {
    directory: PathBuf,
    file: PathBuf,
    owner: KeyOwner,
    before: String,
    /// What is to be changed.
    pub toml: DocumentMut,
}

impl ConfigDocument {
    /// Reads the file. Errs where it is no file that can be replaced by a rename.
    pub fn open(directory: &Path, owner: KeyOwner) -> anyhow::Result<ConfigDocument> {
        let file = match &owner {
            KeyOwner::Partner(name) => directory.join(PARTNERS_DIRECTORY).join(format!("{name}.toml")),
            KeyOwner::Reader(_) => directory.join(MAIN_FILE),
        };
        let shown = file.display();
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => {}
            Ok(_) => bail!(
                "{shown} is no plain file (a link, perhaps): nothing was changed; edit what it leads to by hand"
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => match &owner {
                KeyOwner::Partner(name) => {
                    bail!("there is no partner {name} ({shown}): `tidegate partner add {name}` makes one")
                }
                KeyOwner::Reader(_) => bail!("there is no {shown}"),
            },
            Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
        }
        let before = fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?;
        let toml = before.parse().map_err(|error: toml_edit::TomlError| {
            anyhow::anyhow!("{shown} is not TOML, and nothing was changed: {}", error.message())
        })?;
        Ok(ConfigDocument { directory: directory.to_owned(), file, owner, before, toml })
    }

    /// The partner as the file says it now.
    pub fn partner(&self) -> anyhow::Result<PartnerSettings> {
        let KeyOwner::Partner(name) = &self.owner else { bail!("a reader signs nothing") };
        config::read_partner(&self.directory, name, &self.before).map_err(unsound)
    }

    /// The bearer keys as the file says them now, in its order.
    pub fn bearer_keys(&self) -> anyhow::Result<Vec<BearerKey>> {
        match &self.owner {
            KeyOwner::Partner(_) => Ok(self.partner()?.keys),
            KeyOwner::Reader(name) => {
                let readers = config::read_main(&self.directory, &self.before).map_err(unsound)?;
                let known: Vec<_> = readers.iter().map(|reader| reader.name.clone()).collect();
                let found = readers.into_iter().find(|reader| reader.name == *name);
                found.map(|ReaderSettings { keys, .. }| keys).with_context(|| {
                    format!(
                        "there is no reader {name} in {}; there are: {}",
                        self.file.display(),
                        known.join(", ")
                    )
                })
            }
        }
    }

    /// The table in which the owner's `keys` stand.
    pub fn table(&mut self) -> anyhow::Result<&mut dyn toml_edit::TableLike> {
        let KeyOwner::Reader(name) = &self.owner else { return Ok(self.toml.as_table_mut()) };
        let readers = self.toml.get_mut("readers").and_then(toml_edit::Item::as_array_of_tables_mut);
        let found = readers.and_then(|readers| {
            let is_named =
                |table: &&mut toml_edit::Table| table.get("name").and_then(|n| n.as_str()) == Some(name);
            readers.iter_mut().find(is_named)
        });
        let file = self.file.display();
        found.map(|table| table as &mut dyn toml_edit::TableLike).with_context(|| {
            format!(
                "the reader {name} stands in no [[readers]] of {file}: nothing was changed; edit it by hand"
            )
        })
    }

    /// Where relative paths of the configuration begin.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file's name, to be told.
    pub fn place(&self) -> std::path::Display<'_> {
        self.file.display()
    }

    /// Puts the changed file in its place. Errs, and leaves the old one, where the new one would not be
    /// sound, or somebody else has changed it meanwhile.
    pub fn save(&self) -> anyhow::Result<()> {
        let text = self.toml.to_string();
        let checked = match &self.owner {
            KeyOwner::Partner(name) => config::read_partner(&self.directory, name, &text).map(|_| ()),
            KeyOwner::Reader(_) => config::read_main(&self.directory, &text).map(|_| ()),
        };
        checked.map_err(unsound)?;
        let draft = self.file.with_file_name(format!(
            ".{}.{}",
            self.file.file_name().unwrap_or_default().to_string_lossy(),
            std::process::id()
        ));
        let written = self.write(&draft, &text);
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written.with_context(|| format!("{} was not changed", self.place()))
    }

    fn write(&self, draft: &Path, text: &str) -> anyhow::Result<()> {
        let was = fs::metadata(&self.file)?;
        let mut file = private::create_file(draft)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(was.permissions())?;
        belong_as(draft, &was)?;
        file.sync_all()?;
        if fs::read_to_string(&self.file)? != self.before {
            bail!("somebody else has changed it meanwhile: try again");
        }
        fs::rename(draft, &self.file)?;
        if let Some(directory) = self.file.parent() {
            fs::File::open(directory)?.sync_all()?;
        }
        Ok(())
    }

    /// Writes a secret into a new file that only its owner may read, who is the file's; gives its path
    /// from the directory on.
    pub fn write_secret(&self, name: &str, secret: &str) -> anyhow::Result<String> {
        let was = fs::metadata(&self.file)?;
        let directory = self.directory.join(SECRETS);
        if !directory.exists() {
            private::create_directory(&directory)?;
            belong_as(&directory, &was)?;
        }
        let path = directory.join(name);
        if path.exists() {
            bail!("{} is there already", path.display());
        }
        let mut file =
            private::create_file(&path).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(file, "{secret}")?;
        belong_as(&path, &was)?;
        file.sync_all()?;
        Ok(format!("{SECRETS}/{name}"))
    }

    /// Takes a secret's file away, where it is one of those that were made here.
    pub fn remove_secret(&self, path: &str) -> anyhow::Result<bool> {
        let is_ours = path
            .strip_prefix(SECRETS)
            .is_some_and(|name| name.starts_with('/') && name.contains("-signing-"));
        if !is_ours {
            return Ok(false);
        }
        let path = self.directory.join(path);
        fs::remove_file(&path).map(|()| true).with_context(|| format!("cannot remove {}", path.display()))
    }
}

const SECRETS: &str = "secrets";

/// A verb that root runs leaves nothing that the daemon's user cannot read.
fn belong_as(path: &Path, other: &fs::Metadata) -> std::io::Result<()> {
    let is = fs::metadata(path)?;
    if (is.uid(), is.gid()) == (other.uid(), other.gid()) {
        return Ok(());
    }
    chown(path, Some(other.uid()), Some(other.gid()))
}

fn unsound(faults: Faults) -> anyhow::Error {
    anyhow::anyhow!("nothing was changed, because the configuration would not be sound:\n{faults}")
}
