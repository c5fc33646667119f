//! Buffers that the connections of one thread take turns with: one that is busy fills a large buffer without making it anew, and one
//! that is idle holds none.
//!
//! Bounds: [`KEPT`] buffers a thread, none above [`LARGEST`]; whoever waits with a few bytes left over copies them out first.

use bytes::BytesMut;
use std::cell::RefCell;

/// What a buffer from here has room for at least: as much as waits to be written before reading stops, and one message.
pub(super) const ROOM: usize = 80 * 1024;
/// Copying less than this costs less than holding a buffer.
const WORTH: usize = ROOM / 4;
const LARGEST: usize = 4 * ROOM;
/// One is read into and one written from at a time; tasks change threads with theirs in hand.
const KEPT: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
pub(super) fn take() -> BytesMut {
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    // Makes nothing anew unless somebody still holds a slice of it.
    buffer.reserve(ROOM);
    buffer
}

/// Gives a buffer back; what is in it is of no use any more.
pub(super) fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.capacity() > LARGEST {
        return;
    }
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    });
}

/// Swaps a narrow buffer for one from here, if that is worth the copy of what is in it. `is_wide`: whether it is one from here.
pub(super) fn widen(buffer: &mut BytesMut, is_wide: &mut bool) {
    if !*is_wide && buffer.len() < WORTH {
        let mut wide = take();
        wide.extend_from_slice(buffer);
        *buffer = wide;
        *is_wide = true;
    }
}

/// Before a wait that may be long: swaps a wide buffer for one that just holds what is in it, if most of it is empty.
pub(super) fn narrow(buffer: &mut BytesMut, is_wide: &mut bool) {
    if *is_wide && buffer.len() < WORTH {
        let narrow = BytesMut::from(buffer.as_ref());
        give_back(std::mem::replace(buffer, narrow));
        *is_wide = false;
    } else if buffer.is_empty() {
        *buffer = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_what_is_left_over_moves() {
        let mut buffer = BytesMut::from(&b"left"[..]);
        let mut is_wide = false;
        widen(&mut buffer, &mut is_wide);
        assert!(buffer.capacity() >= ROOM && &buffer[..] == b"left");
        let place = buffer.as_ptr();
        narrow(&mut buffer, &mut is_wide);
        assert!(buffer.capacity() < 100 && &buffer[..] == b"left");
        assert_eq!(take().as_ptr(), place);
    }

    #[test]
    fn a_buffer_that_somebody_holds_a_slice_of_is_left_to_him() {
        let mut buffer = take();
        buffer.extend_from_slice(b"kept");
        let slice = buffer.split_to(4).freeze();
        give_back(buffer);
        let mut other = take();
        other.extend_from_slice(b"else");
        assert_eq!(&slice[..], b"kept");
    }
}
