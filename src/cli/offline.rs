//! Who does something to a store that no daemon has open, as the trail of operators' acts has it.

use std::fs;

/// No operator can have a name that begins so.
const OFFLINE: &str = "offline:";
const USERS: &str = "/etc/passwd";

/// The system's user, marked as one whom no daemon has asked for a token.
pub fn offline_user() -> String {
    let id = rustix::process::getuid().as_raw();
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let name = name_of(&users, id).map_or_else(|| format!("uid-{id}"), str::to_owned);
    format!("{OFFLINE}{name}")
}

/// `None` of a user whom another service knows.
fn name_of(users: &str, id: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_system_s_list_or_not_at_all() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\n:x:7:7::/:/bin/sh\ntorn\nanna:x:1000:1000::/srv/anna:/bin/sh\n";
        assert_eq!(name_of(users, 0), Some("root"));
        assert_eq!(name_of(users, 1000), Some("anna"));
        assert_eq!([name_of(users, 7), name_of(users, 1)], [None, None]);
        assert!(offline_user().starts_with("offline:") && offline_user().len() > OFFLINE.len());
    }
}
