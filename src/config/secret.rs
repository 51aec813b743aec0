//! Secrets by reference: named in a partner's file, read where they are needed, held no longer.

use super::SecretSource;
use super::fault::Wrong;
use super::raw::{Section, text_of};
use secrecy::SecretString;
use std::io::Read;

/// Longer than any token; a file of this size is not one.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// Why a secret cannot be had. It never shows the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(String);

impl SecretSource {
    /// The secret without the line end that editors leave; blocks on its file.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            SecretSource::Environment(name) => {
                std::env::var(name).map_err(|_| self.error("is not set, or not text"))?
            }
            SecretSource::File(path) => {
                let mut text = String::new();
                let file = std::fs::File::open(path).map_err(|e| self.error(&e.to_string()))?;
                let read = file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
                read.map_err(|e| self.error(&e.to_string()))?;
                text
            }
        };
        let trimmed = text.trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() {
            return Err(self.error("is empty"));
        }
        if trimmed.len() as u64 > SECRET_BYTES_MAX {
            return Err(self.error("is too long to be a secret"));
        }
        Ok(SecretString::from(trimmed))
    }

    /// What is wrong with the secret that is named here.
    pub fn error(&self, what: &str) -> SecretError {
        SecretError(match self {
            SecretSource::File(path) => format!("the secret's file {} {what}", path.display()),
            SecretSource::Environment(name) => format!("the secret's environment variable {name} {what}"),
        })
    }
}

/// A secret under a key: `{ file = "…" }` or `{ env = "…" }`. It must be there; it is not read.
pub(super) fn secret(section: &mut Section<'_>, key: &'static str) -> Option<SecretSource> {
    if !section.has(key) {
        section.refuse(key, Wrong::rule("is needed here").hint("{ file = \"…\" } or { env = \"…\" }"));
    }
    section.optional_section(key).and_then(named)
}

/// The secret that a section names.
pub(super) fn named(mut reference: Section<'_>) -> Option<SecretSource> {
    let directory = reference.source.directory;
    let file = reference.read("file", |value| {
        let path = directory.join(text_of(value)?);
        let missing = || Wrong::rule("there is no such file").hint(format!("looked for {}", path.display()));
        path.is_file().then(|| path.clone()).ok_or_else(missing)
    });
    let variable = reference.read("env", |value| {
        let name = text_of(value)?;
        let set = std::env::var_os(name).is_some();
        set.then(|| name.to_owned()).ok_or_else(|| Wrong::rule("this environment variable is not set"))
    });
    if reference.has("file") == reference.has("env") {
        reference.refuse("file", Wrong::rule("a secret is named by either file or env"));
    }
    reference.finish();
    file.map(SecretSource::File).or(variable.map(SecretSource::Environment))
}

/// Whether a text can be the name of a header.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn of_file(content: &[u8]) -> Result<SecretString, SecretError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        SecretSource::File(file.path().to_owned()).read()
    }

    #[test]
    fn a_secret_is_taken_without_its_line_end_and_otherwise_as_it_is() {
        assert_eq!(of_file(b" s3cret \r\n").unwrap().expose_secret(), " s3cret ");
    }

    #[test]
    fn a_secret_that_is_absent_empty_or_no_text_is_missing_and_never_shown() {
        for content in [&b""[..], b"\n", b"\xff\xfe", &[b'x'; 20_000]] {
            assert!(of_file(content).is_err());
        }
        let nowhere = SecretSource::Environment("TIDEGATE_TEST_UNSET_SECRET".into());
        let error = nowhere.read().unwrap_err().to_string();
        assert!(error.contains("TIDEGATE_TEST_UNSET_SECRET"), "{error}");
    }
}
