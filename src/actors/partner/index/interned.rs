//! Shared values, stored once; holders keep a number.

use hashbrown::HashMap;

/// Values that many entries share, as numbers from 1.
pub struct Interned<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Interned<T> {
    fn default() -> Interned<T> {
        Interned { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            return number;
        }
        self.values.push(value.clone());
        let number = self.values.len() as u32;
        self.numbers.insert(value.clone(), number);
        number
    }

    pub fn value(&self, number: u32) -> &T {
        &self.values[number as usize - 1]
    }

    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}
