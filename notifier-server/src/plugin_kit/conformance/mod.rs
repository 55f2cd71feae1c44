//! The conformance suite: whether a built component keeps the contract, and does what its file of documented exchanges says.
//!
//! It runs in the sandbox that it will run in, against a stand-in for its vendor; nothing is sent. The general cases need no
//! knowledge of a vendor: they take the first message of the file that the vendor accepts, and have everything go wrong.

mod answers;
mod calls;
mod classes;
mod description;
mod lacks;
mod replay;
mod report;
mod schema;
mod settings;
mod sizes;
mod stage;
mod texts;
mod vendor;

use notifier_core::wasm::rehearsal::{Portrait, Rehearsal};
use notifier_plugin_exchanges::Exchanges;

use report::Group;
use stage::Stage;

pub(super) use lacks::{Lack, Lacking};
pub(super) use report::{Component, Report};

/// Runs all of it. `lacks` is what there is none of, for a reason.
pub(super) async fn run(rehearsal: &Rehearsal, portrait: &Portrait, file: &Exchanges, lacks: &[Lack]) -> Vec<Group> {
    let (replayed, noticed) = replay::replay(rehearsal, file).await;
    let mut groups = Vec::from(replayed);
    groups.push(classes::classes(portrait, file, lacks));
    groups.push(description::description(rehearsal, portrait, file, &noticed));
    match Stage::new(rehearsal, file) {
        Some(stage) => {
            groups.push(settings::schema(&stage, portrait));
            groups.push(settings::refusals(&stage, portrait));
            groups.push(answers::statuses(&stage).await);
            groups.push(answers::failures(&stage).await);
            groups.push(answers::garbage(&stage).await);
            groups.push(answers::other_types(&stage).await);
            groups.push(calls::cancellation(&stage).await);
            groups.push(calls::repetition(&stage).await);
            groups.push(calls::secrets(&stage).await);
            let channels = stage.on_each_channel();
            groups.push(texts::texts(&channels, lacks).await);
            groups.push(sizes::sizes(&channels, lacks).await);
        }
        None => {
            let mut group = Group::new("a message is accepted");
            let problem = "the file has no message that the vendor accepts: the general cases need one to vary";
            group.case("the file of exchanges", Err(problem.into()));
            groups.push(group);
        }
    }
    groups
}

#[cfg(test)]
mod tests;
