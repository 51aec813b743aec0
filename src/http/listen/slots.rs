//! Slots for connections: so many in all, so many from one address. Loopback is exempt from the
//! second bound, because `demo` and `load` come from there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bounds, and what is taken of them.
#[derive(Debug)]
pub struct ConnectionSlots {
    all_max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it frees the place.
#[derive(Debug)]
pub struct ConnectionSlot {
    places: Arc<ConnectionSlots>,
    address: Option<IpAddr>,
}

impl ConnectionSlots {
    /// So many connections in all, and so many from one address.
    pub fn new(all_max: usize, per_address_max: usize) -> Arc<ConnectionSlots> {
        Arc::new(ConnectionSlots { all_max, per_address_max, taken: Mutex::default() })
    }

    /// A place for a connection from `address`, if there is one left.
    pub fn take(self: &Arc<ConnectionSlots>, address: IpAddr) -> Option<ConnectionSlot> {
        let address = counted(address);
        let mut taken = self.locked();
        if taken.all >= self.all_max {
            return None;
        }
        if let Some(address) = address {
            let from_there = taken.by_address.entry(address).or_default();
            if *from_there >= self.per_address_max {
                return None;
            }
            *from_there += 1;
        }
        taken.all += 1;
        Some(ConnectionSlot { places: Arc::clone(self), address })
    }

    fn locked(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut taken = self.places.locked();
        taken.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(from_there) = taken.by_address.get_mut(&address) {
            *from_there -= 1;
            if *from_there == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// What an address is counted under: nothing for loopback, the /64 for IPv6, where one customer
/// has that many addresses.
fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    match address {
        _ if address.is_loopback() => None,
        IpAddr::V4(_) => Some(address),
        IpAddr::V6(v6) => Some(IpAddr::V6((u128::from(v6) >> 64 << 64).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_are_bounded_in_all_and_per_address() {
        let places = ConnectionSlots::new(3, 1);
        let first = places.take(ip("192.0.2.1")).unwrap();
        assert!(places.take(ip("192.0.2.1")).is_none());
        assert!(places.take(ip("::ffff:192.0.2.1")).is_none(), "the same address in other clothes");
        let _second = places.take(ip("192.0.2.2")).unwrap();
        let _third = places.take(ip("192.0.2.3")).unwrap();
        assert!(places.take(ip("192.0.2.4")).is_none());
        drop(first);
        assert!(places.take(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn loopback_is_bounded_in_all_only_and_a_network_of_ipv6_counts_as_one_address() {
        let places = ConnectionSlots::new(4, 1);
        let _local: Vec<_> = (0..3).map(|_| places.take(ip("127.0.0.1")).unwrap()).collect();
        let _six = places.take(ip("2001:db8::1")).unwrap();
        assert!(places.take(ip("127.0.0.1")).is_none());
        let places = ConnectionSlots::new(4, 1);
        let _six = places.take(ip("2001:db8::1")).unwrap();
        assert!(places.take(ip("2001:db8::2")).is_none());
        assert!(places.take(ip("2001:db8:0:1::2")).is_some());
    }
}
