//! What is recorded of partners themselves: their numbers, and whether they are configured, which those who
//! follow the changes are told by the same records.

use super::message::ConfigureError;
use crate::actors::numbers::{NUMBERS, number_record, partner_numbers};
use crate::actors::partner::SharedServices;
use crate::config::PartnerSettings;
use crate::domain::{PartnerName, PartnerNo, PartnerNumber, PartnerStanding, WriteSet};
use std::collections::HashMap;

/// Every partner's number, and what is known of it; those of the configured ones are made durable before
/// they are used. Errs at one that was a sandbox and is none any more, or the other way round.
pub async fn number(
    shared: &SharedServices,
    partners: &[PartnerSettings],
) -> Result<HashMap<PartnerName, PartnerNumber>, ConfigureError> {
    let mut numbers = partner_numbers(&shared.reader)?;
    let mut next = numbers.values().map(|given| given.no.0).max().unwrap_or(0) + 1;
    let mut set = WriteSet::new(NUMBERS);
    for partner in partners {
        let number = match numbers.get(&partner.name) {
            Some(known) if known.is_sandbox != partner.sandbox => {
                return Err(ConfigureError::of_other_kind(&partner.name, known.is_sandbox));
            }
            Some(known) if known.standing.is_configured() => continue,
            // it comes back under its old number
            Some(&known) => PartnerNumber { standing: PartnerStanding::Restored, ..known },
            None => {
                next += 1;
                PartnerNumber::new(PartnerNo(next - 1), partner.sandbox)
            }
        };
        numbers.insert(partner.name.clone(), number);
        set.changes.push(number_record(&partner.name, &number));
    }
    commit(shared, set).await?;
    Ok(numbers)
}

/// Has followers of the changes learn that these partners are no longer configured, unless they were told.
pub async fn tell_removed<'a>(
    shared: &SharedServices,
    gone: impl Iterator<Item = (&'a PartnerName, &'a PartnerNumber)>,
) -> Result<(), ConfigureError> {
    let mut set = WriteSet::new(NUMBERS);
    for (name, number) in gone.filter(|(_, number)| number.standing.is_configured()) {
        let number = PartnerNumber { standing: PartnerStanding::Removed, ..*number };
        set.changes.push(number_record(name, &number));
    }
    commit(shared, set).await
}

async fn commit(shared: &SharedServices, set: WriteSet) -> Result<(), ConfigureError> {
    if set.changes.is_empty() {
        return Ok(());
    }
    shared.storage.commit_and_wait(set).await.map(drop).map_err(|_| ConfigureError::Storage)
}
