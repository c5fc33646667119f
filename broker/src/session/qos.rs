//! The order of QoS levels; the contract's enum has none. Pure.

use crate::contract::Qos;

/// The lower of the two.
pub(crate) fn lower(a: Qos, b: Qos) -> Qos {
    if (a as u8) <= (b as u8) { a } else { b }
}

/// The higher of the two.
pub(crate) fn higher(a: Qos, b: Qos) -> Qos {
    if (a as u8) >= (b as u8) { a } else { b }
}

/// What the embedded engine offers at most: see the table in [`super`].
pub(crate) const OFFERED: Qos = Qos::AtLeastOnce;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_numbers() {
        let all = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(lower(*a, *b) as usize, i.min(j));
                assert_eq!(higher(*a, *b) as usize, i.max(j));
            }
        }
    }
}
