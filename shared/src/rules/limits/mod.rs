//! Budgets bound the work that strangers can cause. Their windows slide, and are kept in the table.
//!
//! A budget is an item `rate#<what>#<key>` / `<window>`: `hits` counts the window, `s_<n>` one
//! thirteenth of it (a *slice*), and `newest` is the current slice. The first count in a new slice
//! drops the slices that have left the window. So no window, wherever it begins, holds more than
//! the maximum. Counting is one conditional write of one item. It is not part of a transaction,
//! because DynamoDB rejects a transaction while another one holds one of its items
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>). With
//! a budget that all requests share, transactions would reject each other, while plain writes
//! queue.
//!
//! Count beside the write that claims the work. If the work is not ours, give the count back
//! ([`Taken::give_back`]). A crash in between counts once too much. [`take_all`] counts against
//! several budgets at once. Small budgets remember what they counted ([`Budget::once_for`]), so
//! that fifty simultaneous copies of a request fill none.

mod budget;
mod several;
mod window;

pub use budget::{Budget, Copies, Full, Reserve, Taken};
pub use several::{Counted, take_all};
pub use window::{Window, used};
