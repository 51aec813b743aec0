//! The values whose meaning the contract fixes: ids, amounts, currencies, times, and the members
//! that must be text. The same checks for pushes and for feed records; each refusal says what to
//! send instead.

use super::{json, time};
use crate::domain::iso4217;
use crate::domain::{
    AssetId, AssetIdError, Currency, Decimal, DecimalError, ItemOutcome, Member, Micros, Outcome, QuoteName,
    Rule, TimeFormat,
};
use crate::rules::policy::Policy;
use json::Kind;
use std::borrow::Cow;

/// Why an item is not taken, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The rule that refuses it.
    pub rule: Rule,
    /// Stable code of the reason.
    pub code: &'static str,
    /// What to send instead.
    pub hint: String,
    /// JSON pointer into the item; empty: the item as a whole.
    pub pointer: String,
}

impl Refusal {
    /// A refusal of the value as a whole.
    pub fn new(rule: Rule, code: &'static str, hint: impl Into<String>) -> Refusal {
        Refusal { rule, code, hint: hint.into(), pointer: String::new() }
    }

    /// Puts a member's name, or an array's index, before the pointer.
    pub fn within(mut self, part: &str) -> Refusal {
        let part = part.replace('~', "~0").replace('/', "~1");
        self.pointer = format!("/{}{}", shortened(&part), self.pointer);
        self
    }

    /// The outcome `rejected` that says so.
    pub fn into_outcome(self) -> Box<ItemOutcome> {
        let mut outcome = ItemOutcome::noted(Outcome::Rejected, self.rule, self.code, self.hint);
        outcome.note_mut().pointer = self.pointer;
        Box::new(outcome)
    }
}

/// What a partner wrote, cut to a length that fits a sentence.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    const CHARACTERS: usize = 64;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// The value of a JSON string, else a refusal that asks for one.
pub(super) fn text(raw: &str, rule: Rule) -> Result<Cow<'_, str>, Refusal> {
    match json::kind(raw) {
        Kind::String => json::string(raw).map_err(|e| Refusal::new(rule, e.code, e.detail)),
        _ => Err(Refusal::new(rule, "member_type", "send this as a JSON string")),
    }
}

/// An id: a string, or an integer as its decimal text.
pub(super) fn id(raw: &str, rule: Rule) -> Result<AssetId, Refusal> {
    match json::kind(raw) {
        Kind::String => id_text(&text(raw, rule)?, rule),
        Kind::Number if raw == "-0" => id_text("0", rule),
        Kind::Number if !raw.contains(['.', 'e', 'E']) => id_text(raw, rule),
        _ => Err(Refusal::new(rule, "id_type", "send the id as a string, or as a whole number")),
    }
}

/// The same of a text that has been read.
pub(super) fn id_text(text: &str, rule: Rule) -> Result<AssetId, Refusal> {
    AssetId::named(text).map_err(|e| match e {
        AssetIdError::Length => Refusal::new(rule, "id_length", "send an id of 1 to 256 bytes"),
        AssetIdError::Control => Refusal::new(rule, "id_control", "send an id without control characters"),
        AssetIdError::Placeholder => Refusal::new(
            rule,
            "id_placeholder",
            "this is what a program writes where it has no id: check the template or the code that fills it in",
        ),
    })
}

/// An amount: a string of digits or a JSON number, read exactly (P4).
pub(super) fn amount(raw: &str, policy: &Policy) -> Result<Decimal, Refusal> {
    match json::kind(raw) {
        Kind::String => amount_text(&text(raw, Rule::P4)?, 0, policy),
        Kind::Number => amount_text(raw, 0, policy),
        Kind::Null => Err(Refusal::new(
            Rule::P4,
            "amount_null",
            "to withdraw a price send DELETE to the asset's /price",
        )),
        _ => Err(Refusal::new(
            Rule::P4,
            "invalid_number",
            "send the amount as a string of digits, such as \"101.25\"",
        )),
    }
}

/// The same of its digits alone, times a power of ten.
pub(super) fn amount_text(text: &str, power: i32, policy: &Policy) -> Result<Decimal, Refusal> {
    let amount = Decimal::parse_scaled(text, power).map_err(|e| {
        let (digits, scale) = (Decimal::DIGITS_MAX, Decimal::SCALE_MAX);
        let hint = match e {
            DecimalError::Syntax => "send the amount as plain digits, such as \"101.25\"".to_owned(),
            DecimalError::Digits => {
                format!("send an amount of at most {digits} digits, a whole number's zeros counted; round it to fit")
            }
            DecimalError::Scale => format!("send at most {scale} digits after the point; round the amount to fit"),
        };
        Refusal::new(Rule::P4, "invalid_number", hint)
    })?;
    check_amount(amount, policy)
}

/// Refuses zero and negative amounts where the policy does not allow them.
pub(super) fn check_amount(amount: Decimal, policy: &Policy) -> Result<Decimal, Refusal> {
    if amount.is_zero() && !policy.allow_zero {
        let hint =
            "an amount of zero is not taken: leave the price out, or ask the operator to set `allow_zero`";
        return Err(Refusal::new(Rule::P4, "amount_zero", hint));
    }
    if amount.is_negative() && !policy.allow_negative {
        let hint =
            "a negative amount is not taken: check its sign, or ask the operator to set `allow_negative`";
        return Err(Refusal::new(Rule::P4, "amount_negative", hint));
    }
    Ok(amount)
}

/// A currency that the policy knows: the value of a JSON string.
pub(super) fn currency(raw: &str, policy: &Policy) -> Result<Currency, Refusal> {
    currency_text(&text(raw, Rule::P4)?, policy)
}

/// A code of ISO 4217, or one that the partner's policy adds.
pub(super) fn currency_text(code: &str, policy: &Policy) -> Result<Currency, Refusal> {
    if let Ok(currency) = Currency::new(code)
        && (iso4217::is_active(code) || policy.currencies_extra.contains(&currency))
    {
        return Ok(currency);
    }
    let hint = match iso4217::successor(code) {
        Some(new) => format!("{code} was withdrawn: send {new}, or ask the operator to add {code} to `currencies_extra`"),
        None => "send a code of ISO 4217 in capitals, such as \"EUR\", or ask the operator to add this one to `currencies_extra`"
            .into(),
    };
    Err(Refusal::new(Rule::P4, "currency_unknown", hint))
}

/// The name of a quote.
pub(super) fn quote_name_text(name: &str) -> Result<QuoteName, Refusal> {
    let hint = "name the quote with 1 to 12 characters of a-z, 0-9, - and _";
    QuoteName::new(name).map_err(|_| Refusal::new(Rule::P1, "quote_name", hint))
}

/// A time of RFC 3339; `None` where the value is null.
pub(super) fn time(raw: &str, rule: Rule) -> Result<Option<Micros>, Refusal> {
    match json::kind(raw) {
        Kind::Null => Ok(None),
        // A number is refused by the same words as a text that is none.
        Kind::String => time_text(&text(raw, rule)?, rule).map(Some),
        _ => time_text(raw, rule).map(Some),
    }
}

/// A time, as a text that has been read.
pub(super) fn time_text(text: &str, rule: Rule) -> Result<Micros, Refusal> {
    time::parse(text, TimeFormat::Rfc3339).map_err(|e| Refusal::new(rule, e.code, e.hint))
}

/// A member of a document, its text as it came.
pub(super) fn member(name: &str, raw: &str) -> Result<Member, Refusal> {
    let hash = json::value_hash(raw).map_err(|e| Refusal::new(Rule::D1, e.code, e.detail).within(name))?;
    Ok(Member { name: name.into(), text: raw.into(), hash })
}

/// Checks a member of a document that the contract gives a meaning; null passes.
pub(super) fn check_member(name: &str, raw: &str, policy: &Policy) -> Result<(), Refusal> {
    if json::kind(raw) == Kind::Null {
        return Ok(());
    }
    match name {
        "name" | "class" | "legal_status" => text(raw, Rule::D1).map(|_| ()),
        "currency" => currency(raw, policy).map(|_| ()),
        "status" => status(raw, policy),
        _ => Ok(()),
    }
    .map_err(|refusal| refusal.within(name))
}

fn status(raw: &str, policy: &Policy) -> Result<(), Refusal> {
    let status = text(raw, Rule::X5)?;
    if matches!(status.as_ref(), "active" | "inactive") || policy.statuses_extra.contains(status.as_ref()) {
        return Ok(());
    }
    let hint = "send \"active\" or \"inactive\", or ask the operator to add this status to `statuses_extra`";
    Err(Refusal::new(Rule::X5, "status_unknown", hint))
}
