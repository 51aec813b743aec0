//! Files and directories that only the user of the daemon may read, whatever its umask is.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a file for writing, empty; what is there already keeps its mode.
pub fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// Opens a file for reading and writing as it is, and makes one that is missing.
pub fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

/// Makes a directory and those above it; one that is there already keeps its mode.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_made_is_for_its_user_alone_and_what_was_there_stays_as_it_was() {
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let place = tempfile::tempdir().unwrap();
        let (above, below) = (place.path().join("a"), place.path().join("a/b"));
        create_directory(&below).unwrap();
        create_directory(&below).unwrap();
        assert_eq!((mode(&above), mode(&below)), (0o700, 0o700));
        for (name, create) in [("one", create_file as fn(&Path) -> io::Result<File>), ("two", open_file)] {
            let path = below.join(name);
            create(&path).unwrap();
            assert_eq!(mode(&path), 0o600);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
            create(&path).unwrap();
            assert_eq!(mode(&path), 0o640);
        }
    }
}
