//! What is odd about an item that is taken all the same: a slip that would pass in silence, since a
//! partner's own members may have any name.

use crate::domain::{AssetWrite, ItemOutcome, Write};
use crate::rules::policy::Policy;

/// Something about an item that its sender may not have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemWarning {
    /// The item's place in the body.
    pub item: usize,
    /// Stable.
    pub code: &'static str,
    /// JSON pointer into the item.
    pub pointer: String,
    /// What is probably meant.
    pub hint: String,
}

/// Members that mean something here, and how others write them: small letters, nothing between words.
const MEANT: [(&str, &[&str]); 6] = [
    (
        "updated_at",
        &["updatedat", "updateat", "updated", "lastupdated", "lastupdatedat", "modifiedat", "lastmodified"],
    ),
    ("legal_status", &["legalstatus"]),
    ("price", &["price"]),
    ("currency", &["currency"]),
    ("status", &["status"]),
    ("class", &["class"]),
];
/// A body of ten thousand slips is told of the first ones.
const WARNINGS_MAX: usize = 100;

/// The warnings about a body's items, in their order.
pub fn warnings(writes: &[Result<Write, Box<ItemOutcome>>], policy: &Policy) -> Vec<ItemWarning> {
    let assets = writes.iter().enumerate().filter_map(|(item, write)| match write {
        Ok(Write::Asset(write)) => Some((item, write.as_ref())),
        _ => None,
    });
    let all =
        assets.flat_map(|(item, write)| members_alike(item, write).chain(class_unknown(item, write, policy)));
    all.take(WARNINGS_MAX).collect()
}

/// Own members that are called nearly as one that means something.
fn members_alike(item: usize, write: &AssetWrite) -> impl Iterator<Item = ItemWarning> {
    write.members.members().iter().filter_map(move |member| {
        let meant = meant_by(&member.name).filter(|meant| *meant != "updated_at" || write.at.is_none())?;
        let hint = format!(
            "`{meant}` is the member meant? this one is kept as one of your own, and means nothing here"
        );
        Some(ItemWarning { item, code: "member_alike", pointer: pointer_to(&member.name), hint })
    })
}

/// The member that is probably meant by a name that is none of ours.
fn meant_by(name: &str) -> Option<&'static str> {
    // nearly all names end here
    if name.len() > 16 || MEANT.iter().any(|(ours, _)| *ours == name) {
        return None;
    }
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    MEANT.iter().find(|(_, spellings)| spellings.contains(&plain.as_str())).map(|(ours, _)| *ours)
}

/// A class without a heartbeat: its prices never go stale (P5).
fn class_unknown(item: usize, write: &AssetWrite, policy: &Policy) -> Option<ItemWarning> {
    let class = write.members.text_of("class")?;
    if policy.heartbeats.contains_key(&*class) {
        return None;
    }
    let known = policy.heartbeats.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let hint = format!(
        "no heartbeat is set for this class, so that its prices never go stale: send one of {known}, or ask the \
         operator to add this one"
    );
    Some(ItemWarning { item, code: "class_unknown", pointer: pointer_to("class"), hint })
}

fn pointer_to(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::super::{BodyLimits, assets};
    use super::*;
    use crate::domain::Verb;

    fn codes(body: &str) -> Vec<(usize, &'static str, String)> {
        let policy = Policy::default();
        let limits = BodyLimits { items_max: 100 };
        let decoded = assets(body.as_bytes(), false, Verb::Post, None, &policy, &limits).unwrap();
        let warnings = warnings(&decoded.writes, &policy);
        warnings.into_iter().map(|warning| (warning.item, warning.code, warning.pointer)).collect()
    }

    #[test]
    fn u04_a_name_that_is_nearly_one_of_ours_is_told() {
        for name in ["updatedAt", "update_at", "UPDATED_AT", "last-updated", "modifiedAt"] {
            let body = format!(r#"{{"id":"a","{name}":"2026-11-28T11:00:00Z"}}"#);
            assert_eq!(codes(&body), [(0, "member_alike", format!("/{name}"))]);
        }
        assert_eq!(codes(r#"{"id":"a","Price":5,"legalStatus":"sold"}"#).len(), 2);
        assert_eq!(codes(r#"{"id":"a","name":"x","status":"active","supply":5,"title":"t"}"#), []);
        let dated = r#"{"id":"a","updated_at":"2026-11-28T11:00:00Z","modifiedAt":"x"}"#;
        assert_eq!(codes(dated), [], "its time is said, and the partner has one of its own");
    }

    #[test]
    fn u09_a_class_without_a_heartbeat_is_told_with_those_that_have_one() {
        let body = r#"[{"id":"a","class":"market"},{"id":"b","class":"real-estate"}]"#;
        assert_eq!(codes(body), [(1, "class_unknown", "/class".into())]);
    }
}
