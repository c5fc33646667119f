//! The lines of a log of any size, one at a time. Bounded: a line over [`LINE_MAX`] bytes is read past, and not kept.

use std::io::{self, BufRead};

/// A line of the log has at most twelve texts of 512 bytes, of which JSON may make six times as many.
pub const LINE_MAX: usize = 64 << 10;

/// Reads the next line into `line`, without its end. `None` at the end of the log, false where the line is too long.
pub(super) fn next(log: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut is_any, mut is_whole) = (false, true);
    loop {
        let read = match log.fill_buf() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if read.is_empty() {
            return Ok(is_any.then_some(is_whole));
        }
        is_any = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
        is_whole = is_whole && line.len() + part.len() <= LINE_MAX;
        if is_whole {
            line.extend_from_slice(part);
        }
        let taken = part.len() + usize::from(end.is_some());
        log.consume(taken);
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn read(log: &[u8], buffer: usize) -> Vec<(usize, bool)> {
        let mut log = BufReader::with_capacity(buffer, log);
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while let Some(is_whole) = next(&mut log, &mut line).unwrap() {
            lines.push((line.len(), is_whole));
            assert!(line.capacity() <= 2 * LINE_MAX);
        }
        lines
    }

    #[test]
    fn lines_of_any_length_are_told_apart() {
        let fits = vec![b'x'; LINE_MAX];
        let mut log = b"a\n\nbcd\n".to_vec();
        log.extend_from_slice(&fits);
        log.extend_from_slice(b"\n");
        log.extend_from_slice(&fits.repeat(3));
        log.extend_from_slice(b"\nlast");
        for buffer in [1, 7, 8 << 10] {
            let lines = read(&log, buffer);
            assert_eq!(lines.len(), 6);
            assert_eq!(
                lines[..4],
                [(1, true), (0, true), (3, true), (LINE_MAX, true)]
            );
            assert!(!lines[4].1);
            assert_eq!(lines[5], (4, true));
        }
        assert_eq!(read(b"", 8), []);
    }
}
