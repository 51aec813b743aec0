//! Documents: the members of an asset, each with its source text.

use compact_str::CompactString;
use std::borrow::Cow;
use std::sync::Arc;

/// One top-level member: its JSON source text, and the hash of the canonical form of its value.
/// Equal hash means equal content; the text is what readers get. Copies of a member share its text:
/// a document that is read, decided, kept to be taken back and committed is in memory once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its key.
    pub name: CompactString,
    /// The JSON text of its value, as the partner wrote it.
    pub text: Arc<str>,
    /// The hash of the canonical form of its value.
    pub hash: u128,
}

/// The members of one asset, sorted by name, each name once. `id`, `updated_at` and `price` are
/// never among them: they have places of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    members: Vec<Member>,
}

impl Document {
    /// Sorts the members; of a name given twice the last stays (codec refuses such input before).
    pub fn from_members(mut members: Vec<Member>) -> Document {
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members.reverse();
        members.dedup_by(|a, b| a.name == b.name);
        members.reverse();
        Document { members }
    }

    /// The members in order of their names.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The same, taken out.
    pub fn into_members(self) -> Vec<Member> {
        self.members
    }

    /// About how many bytes the document takes in memory, where it shares its texts with no other.
    pub fn bytes(&self) -> usize {
        self.members.iter().map(|member| size_of::<Member>() + member.name.len() + member.text.len()).sum()
    }

    /// Keeps the members of these names, and no others.
    pub fn retain(&mut self, wanted: &[&str]) {
        self.members.retain(|member| wanted.contains(&&*member.name));
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Member> {
        let place = self.members.binary_search_by(|m| m.name.as_str().cmp(name)).ok()?;
        Some(&self.members[place])
    }

    /// Adds the member, or puts it in the place of one of its name.
    pub fn set(&mut self, member: Member) {
        match self.members.binary_search_by(|m| m.name.cmp(&member.name)) {
            Ok(place) => self.members[place] = member,
            Err(place) => self.members.insert(place, member),
        }
    }

    /// Takes the member of that name out; `None` where there is none.
    pub fn remove(&mut self, name: &str) -> Option<Member> {
        let place = self.members.binary_search_by(|m| m.name.as_str().cmp(name)).ok()?;
        Some(self.members.remove(place))
    }

    /// The hash of the whole content: the same for equal members, whatever their order once was.
    pub fn hash(&self) -> u128 {
        hash_of(self.members.iter())
    }

    /// The hash of the content without these members, which are sorted.
    pub fn hash_without(&self, names: &[CompactString]) -> u128 {
        hash_of(self.members.iter().filter(|member| names.binary_search(&member.name).is_err()))
    }

    /// The value of a string member, the same however the string is spelt; `None` where there is no such
    /// member, or it is no string.
    pub fn text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = &self.get(name)?.text;
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        match inner.contains('\\') {
            false => Some(Cow::Borrowed(inner)),
            true => serde_json::from_str(text).ok().map(Cow::Owned),
        }
    }
}

fn hash_of<'a>(members: impl Iterator<Item = &'a Member>) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for member in members {
        hasher.update(&(member.name.len() as u32).to_le_bytes());
        hasher.update(member.name.as_bytes());
        hasher.update(&member.hash.to_le_bytes());
    }
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, hash: u128) -> Member {
        Member { name: name.into(), text: hash.to_string().into(), hash }
    }

    #[test]
    fn the_order_of_members_does_not_change_the_hash() {
        let a = Document::from_members(vec![member("a", 1), member("b", 2)]);
        let b = Document::from_members(vec![member("b", 2), member("a", 1)]);
        assert_eq!(a.hash(), b.hash());
        let swapped = Document::from_members(vec![member("a", 2), member("b", 1)]);
        assert_ne!(a.hash(), swapped.hash());
    }

    #[test]
    fn of_a_name_given_twice_the_last_stays() {
        let document = Document::from_members(vec![member("a", 1), member("a", 2)]);
        assert_eq!(document.members().len(), 1);
        assert_eq!(document.get("a").unwrap().hash, 2);
    }
    #[test]
    fn a5_a_string_has_one_value_however_it_is_spelt() {
        let spelt = |text: &str| {
            let document =
                Document::from_members(vec![Member { name: "a".into(), text: text.into(), hash: 0 }]);
            document.text_of("a").map(Cow::into_owned)
        };
        for text in [r#""real/estate""#, r#""real\/estate""#, r#""r\u0065al\u002Festate""#] {
            assert_eq!(spelt(text).as_deref(), Some("real/estate"), "{text}");
        }
        assert_eq!(spelt(r#""\ud83d\ude00\n\"""#).as_deref(), Some("\u{1f600}\n\""));
        assert!(spelt("1").is_none() && spelt("null").is_none() && spelt(r#"["a"]"#).is_none());
    }
}
