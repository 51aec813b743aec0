//! Merge patches (RFC 7396) as far as we take them: members are replaced whole, so one whose value
//! is an object would lose what the patch leaves out of it. Its sender must say that it means so.

use crate::codec::json::{self, Kind};
use crate::codec::request::Decoded;
use crate::domain::{ItemOutcome, Outcome, Rule, Write};

/// Refuses patches that would need recursion.
pub fn refuse_nested(decoded: &mut Decoded) {
    for write in &mut decoded.writes {
        let Ok(Write::Asset(patch)) = write else { continue };
        let is_nested = |text: &str| json::kind(text) == Kind::Object;
        let nested = patch.members.members().iter().find(|member| is_nested(&member.text));
        if let Some(member) = nested {
            let refused = nested_patch(&member.name);
            *write = Err(refused);
        }
    }
}

fn nested_patch(member: &str) -> Box<ItemOutcome> {
    let hint = "members are replaced whole: send this one whole, in a PATCH of type application/json";
    let mut item = ItemOutcome::noted(Outcome::Rejected, Rule::D1, "nested_patch", hint);
    item.note_mut().pointer = format!("/{}", member.replace('~', "~0").replace('/', "~1"));
    Box::new(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::request::{self, BodyLimits};
    use crate::domain::{AssetId, Verb};
    use crate::rules::policy::Policy;

    #[test]
    fn a_patch_that_would_need_recursion_is_refused() {
        let id = AssetId::new("a").unwrap();
        let decode = |body: &str| {
            let limits = BodyLimits { items_max: 1 };
            let body = body.as_bytes();
            let mut decoded =
                request::assets(body, false, Verb::Patch, Some(&id), &Policy::default(), &limits).unwrap();
            refuse_nested(&mut decoded);
            decoded.writes.remove(0)
        };
        assert!(decode(r#"{"a": 1, "b": [{"c": null}], "d": null}"#).is_ok());
        let refused = decode(r#"{"a": 1, "b/c": {"d": null}}"#).unwrap_err();
        let note = refused.note.as_ref().unwrap();
        assert_eq!((&*note.code, note.pointer.as_str()), ("nested_patch", "/b~1c"));
    }
}
