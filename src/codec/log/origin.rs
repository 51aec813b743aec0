//! Origins of writes as bytes: shared by the log, the quotes and the tables.

use super::bytes::{Input, LogError, put_varint};
use crate::domain::Origin;

/// Appends an origin.
pub fn put_origin(out: &mut Vec<u8>, origin: Origin) {
    match origin {
        Origin::Push { delivery } => {
            out.push(0);
            out.extend_from_slice(&delivery.to_le_bytes());
        }
        Origin::Feed { run, record } => {
            out.push(1);
            put_varint(out, run);
            put_varint(out, u64::from(record));
        }
        Origin::Admin { action } => {
            out.push(2);
            put_varint(out, action);
        }
        Origin::Plan { run, plan } => {
            out.push(3);
            put_varint(out, run);
            put_varint(out, plan);
        }
    }
}

/// Reads an origin, as `put_origin` writes it.
pub fn take_origin(input: &mut Input<'_>) -> Result<Origin, LogError> {
    match input.u8()? {
        0 => Ok(Origin::Push { delivery: input.u64()? }),
        1 => {
            let run = input.varint()?;
            let record = u32::try_from(input.varint()?).map_err(|_| LogError::Bounds("feed record"))?;
            Ok(Origin::Feed { run, record })
        }
        2 => Ok(Origin::Admin { action: input.varint()? }),
        3 => Ok(Origin::Plan { run: input.varint()?, plan: input.varint()? }),
        _ => Err(LogError::Bounds("origin")),
    }
}
