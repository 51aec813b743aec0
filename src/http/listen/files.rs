//! Open files: a connection takes one, and without any left neither the store nor a feed can open
//! another. So the process asks for as many as it may have, and takes no more connections than leave
//! the rest enough.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the store, spool files, feeds, logs, and the other listener's few.
const KEPT: u64 = 256;

/// Raises the number of files that this process may have open to the most that it is allowed to ask
/// for, and gives it; `None` without a limit.
pub fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // a system that refuses leaves what we have, and connections are counted by that
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current
}

/// Connections that may be open at once where `wanted` are configured and `files` may be open.
pub fn connections(wanted: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    // where next to nothing is allowed, half of it
    let most = files.saturating_sub(KEPT).max(files / 2).max(1);
    wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_connections_leave_open_files_for_the_store() {
        assert_eq!(connections(4096, None), 4096);
        assert_eq!(connections(4096, Some(1 << 20)), 4096);
        assert_eq!(connections(4096, Some(1024)), 768);
        assert_eq!(connections(100, Some(1024)), 100);
        assert_eq!(connections(4096, Some(64)), 32);
    }

    #[test]
    fn b11_the_limit_of_open_files_is_raised_to_what_is_allowed() {
        let limit = raise();
        assert_eq!(limit, getrlimit(Resource::Nofile).maximum);
    }
}
