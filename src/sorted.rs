//! Sorting. Each kind of thing that a library sorts for speed is 3 KB of the Worker's code; what is sorted here is short or
//! rare, and a heap does it in a tenth of that.

use std::collections::BinaryHeap;

/// The list in ascending order.
pub(crate) fn sorted<T: Ord>(list: Vec<T>) -> Vec<T> {
    BinaryHeap::from(list).into_sorted_vec()
}
