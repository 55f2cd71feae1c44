//! What must hold at the end of every seed, whatever happened in it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use notifier_core::{
    Channel, Delivery, DeliveryId, DeliveryState, Fact, FactKind, Goal, NotificationId, Status, Strategy,
};

use super::ledger::{Answered, Book, Call, Promised};
use super::story::Totals;
use super::world::{World, tenant};

pub(crate) fn escalates(strategy: Strategy) -> bool {
    matches!(strategy, Strategy::Sequence { until: Goal::Acknowledged, .. })
}

/// Everything; or the first thing that does not hold.
pub(crate) async fn check(world: &World) -> Result<Totals, String> {
    let ids: Vec<NotificationId> = world.ledger.book().promised.keys().copied().collect();
    if let Some(found) = world.ledger.book().found.clone() {
        return Err(found);
    }
    let notifier = world.notifier();
    let mut totals = Totals::default();
    for id in ids {
        let status = notifier.status(&tenant(), id).await.map_err(|error| error.to_string())?;
        let status = status.ok_or_else(|| format!("{id} was acknowledged and is gone"))?;
        let facts = notifier.timeline(&tenant(), id).await.map_err(|error| error.to_string())?.unwrap_or_default();
        let book = world.ledger.book();
        for delivery in &status.deliveries {
            let routed = world.routed(delivery.id.channel);
            check_delivery(&book, &book.promised[&id], delivery, &facts, routed)?;
            totals.unknown += u64::from(delivery.state == DeliveryState::Unknown);
        }
        check_turns(&book, &book.promised[&id], &status)?;
        check_waits(&book, &book.promised[&id], &status, &facts)?;
        totals.notifications += 1;
    }
    let stats = notifier.stats().await.map_err(|error| error.to_string())?;
    let repaired = notifier.sweep().await.map_err(|error| error.to_string())?;
    if stats.now.sending != 0 || repaired != 0 || stats.repaired != 0 {
        return Err(format!("something was stuck: {stats:?}, {repaired} repaired at the end"));
    }
    let book = world.ledger.book();
    let deliveries: BTreeSet<DeliveryId> = book.calls.iter().map(|call| call.delivery).collect();
    let repeats = |id: &DeliveryId| book.calls_of(*id).filter(|(_, call)| call.was_processed).count().saturating_sub(1);
    Ok(Totals {
        calls: book.calls.len() as u64,
        repeats: deliveries.iter().map(repeats).sum::<usize>() as u64,
        crashes: u64::from(book.crashes),
        interrupted: book.calls.iter().filter(|call| call.answered == Answered::Interrupted).count() as u64,
        jumps: u64::from(book.clock_jumps),
        found: book.calls.iter().filter(|call| call.looked_up.is_some_and(|(has_it, _)| has_it)).count() as u64,
        not_found: book.calls.iter().filter(|call| call.looked_up.is_some_and(|(has_it, _)| !has_it)).count() as u64,
        unfit: book.calls.iter().filter(|call| call.answered == Answered::Unfit).count() as u64,
        ..totals
    })
}

fn check_delivery(
    book: &Book,
    promised: &Promised,
    delivery: &Delivery,
    facts: &[Fact],
    routed: &[&str],
) -> Result<(), String> {
    let id = delivery.id;
    let calls: Vec<(usize, &Call)> = book.calls_of(id).collect();
    if !delivery.state.is_final() {
        return Err(format!("{id} never came to an end: it is {}, {}", delivery.state, delivery.reason));
    }
    let due_at = promised.due_at.get(&id.channel);
    // What was begun on time goes on, whatever the clock is set to meanwhile.
    let others = book.calls.iter().enumerate().filter(|(_, call)| call.delivery.notification == id.notification);
    let begins = |(number, call): &(usize, &Call)| match promised.strategy {
        Strategy::All => calls.first().is_some_and(|(first, _)| first == number) && call.attempt == 1,
        Strategy::Sequence { .. } => others.clone().next().is_some_and(|(first, _)| first == *number),
    };
    if let Some((number, call)) = calls.iter().find(|(_, call)| due_at.is_some_and(|due_at| call.began_at < *due_at))
        && begins(&(*number, call))
        && call.replays == 0
    {
        return Err(format!("call {number} of {id} at {} was before it was due at {due_at:?}", call.began_at));
    }
    if let Some(from) = promised.no_calls_from.get(&id.channel)
        && let Some((number, _)) = calls.iter().find(|(number, _)| number >= from)
    {
        return Err(format!("call {number} of {id} was after it had been stopped"));
    }
    if let Some((last, replays)) = promised.last_attempts.get(&id.channel)
        && let Some((number, _)) = calls.iter().find(|(_, call)| call.attempt > *last && call.replays <= *replays)
    {
        return Err(format!("call {number} of {id} came after attempt {last}, during which it was taken back"));
    }
    for pair in calls.windows(2) {
        if let [(_, before), (number, next)] = pair
            && !may_follow(before, next, promised.holds)
        {
            return Err(format!("call {number} of {id} repeats one that was {:?}", before.answered));
        }
    }
    let of_it = |kind: FactKind| facts.iter().filter(move |fact| fact.kind == kind && fact.channel == Some(id.channel));
    let intents: BTreeSet<_> = of_it(FactKind::Attempting).filter_map(|fact| fact.detail("attempt")).collect();
    if let Some((number, call)) = calls.iter().find(|(_, call)| !intents.contains(call.attempt.to_string().as_str())) {
        return Err(format!("call {number} of {id} is attempt {} of which the timeline knows nothing", call.attempt));
    }
    check_doubt(promised, delivery, &calls)?;
    check_unfit(delivery, &calls, routed)?;
    check_reports(promised, delivery, facts)
}

/// Whether there was a reason to call again.
fn may_follow(before: &Call, next: &Call, holds: bool) -> bool {
    let was_asked_for = next.replays > before.replays;
    // The answer may have been lost with the process; then it is as if there had been none.
    let is_not_there = before.looked_up.is_some_and(|(has_it, _)| !has_it);
    let lost_answer = next.life > before.life && (!holds || is_not_there);
    let called_for = match before.answered {
        Answered::NotTaken => true,
        Answered::Unfit => next.provider != before.provider || lost_answer,
        // What the provider said about it is known from then on, unless the process ended over it.
        Answered::Unclear | Answered::Interrupted if is_not_there => true,
        Answered::Unclear | Answered::Interrupted if before.looked_up.is_some_and(|(_, life)| life == next.life) => {
            false
        }
        Answered::Unclear | Answered::Interrupted => !holds,
        Answered::Accepted | Answered::Rejected | Answered::Nothing => lost_answer,
    };
    was_asked_for || called_for
}

/// Who cannot carry it is not asked again, and it is not given up for that while somebody of the route was not asked.
fn check_unfit(delivery: &Delivery, calls: &[(usize, &Call)], routed: &[&str]) -> Result<(), String> {
    let id = delivery.id;
    for (number, call) in calls.iter().filter(|(_, call)| call.answered == Answered::Unfit) {
        let is_same = |(later, next): &&(usize, &Call)| later > number && next.provider == call.provider;
        // The answer may have been lost with the process.
        let is_known = |(_, next): &&(usize, &Call)| (next.life, next.replays) == (call.life, call.replays);
        if let Some((later, _)) = calls.iter().filter(is_same).find(is_known) {
            return Err(format!("call {later} of {id} asks one that cannot carry it, as it said to call {number}"));
        }
    }
    let was_asked = |name: &&&str| calls.iter().any(|(_, call)| call.provider == **name);
    match routed.iter().find(|name| !was_asked(name)) {
        Some(name) if delivery.state == DeliveryState::Failed && delivery.reason.code == "attempt.rejected.unfit" => {
            Err(format!("{id} was given up as nobody could carry it, and `{name}` was not asked"))
        }
        _ => Ok(()),
    }
}

/// Who may have got it is never told that it certainly was not sent.
fn check_doubt(promised: &Promised, delivery: &Delivery, calls: &[(usize, &Call)]) -> Result<(), String> {
    let in_doubt = calls
        .iter()
        .find(|(_, call)| call.was_processed && matches!(call.answered, Answered::Unclear | Answered::Interrupted));
    let has_report = promised.reports.iter().any(|(channel, ..)| *channel == delivery.id.channel);
    let is_denied = matches!(
        delivery.state,
        DeliveryState::Failed | DeliveryState::Cancelled | DeliveryState::Expired | DeliveryState::Suppressed
    );
    // The provider's own word that it did not arrive is as certain as it gets.
    let is_denied = is_denied && !delivery.reason.code.starts_with("receipt.");
    match in_doubt {
        Some((number, _)) if is_denied && !has_report && !delivery.reason.text.contains("may have been sent") => {
            Err(format!(
                "{} went out with call {number}, and is {} for certain: {}",
                delivery.id, delivery.state, delivery.reason
            ))
        }
        _ => Ok(()),
    }
}

/// What was reported is known.
fn check_reports(promised: &Promised, delivery: &Delivery, facts: &[Fact]) -> Result<(), String> {
    let known: BTreeSet<&str> = facts.iter().filter_map(|fact| fact.detail("provider_message_id")).collect();
    let sent: BTreeSet<&str> = facts
        .iter()
        .filter(|fact| {
            ["attempt.accepted", "attempt.found"].contains(&&*fact.reason.code)
                && fact.channel == Some(delivery.id.channel)
        })
        .filter_map(|fact| fact.detail("provider_message_id"))
        .collect();
    for (channel, message_id, said) in &promised.reports {
        let is_about_it = *channel == delivery.id.channel;
        let told = facts
            .iter()
            .any(|fact| fact.detail("status") == Some(said) && fact.detail("provider_message_id") == Some(message_id));
        if is_about_it && sent.contains(message_id.as_str()) && !told {
            return Err(format!("{}: the report that {message_id} was {said} is lost; known: {known:?}", delivery.id));
        }
    }
    let arrived = promised.reports.iter().any(|(channel, message_id, said)| {
        *channel == delivery.id.channel && *said == "delivered" && sent.contains(message_id.as_str())
    });
    let bad_news =
        promised.reports.iter().any(|(channel, _, said)| *channel == delivery.id.channel && *said == "failed");
    let was_replayed = promised.replays.contains_key(&delivery.id.channel);
    if arrived && !bad_news && !was_replayed && delivery.state != DeliveryState::Delivered {
        return Err(format!("{} arrived, as was reported, and is {}", delivery.id, delivery.state));
    }
    Ok(())
}

/// Where channels take turns: none is called after one before it was sent, and none is passed over.
fn check_turns(book: &Book, promised: &Promised, status: &Status) -> Result<(), String> {
    let Strategy::Sequence { until, .. } = promised.strategy else { return Ok(()) };
    if !promised.replays.is_empty() {
        return Ok(());
    }
    for pair in status.deliveries.windows(2) {
        let [before, next] = pair else { continue };
        let sent: Option<usize> = book
            .calls_of(before.id)
            .filter(|(_, call)| {
                call.answered == Answered::Accepted && call.life == book.calls.last().map_or(0, |c| c.life)
            })
            .map(|(number, _)| number)
            .next();
        let has_reports = promised.reports.iter().any(|(channel, ..)| *channel == before.id.channel);
        let later: Option<(usize, &Call)> = book.calls_of(next.id).last();
        if until == Goal::Sent
            && !has_reports
            && let (Some(sent), Some((number, _))) = (sent, later)
            && number > sent
        {
            return Err(format!(
                "call {number} of {} came although call {sent} had sent the {}",
                next.id,
                channel(before)
            ));
        }
        let ended_in_vain = matches!(before.state, DeliveryState::Failed | DeliveryState::Unknown);
        let expires_at = status.notification.first_expires_at;
        let only_at_the_end = book.calls_of(next.id).next().is_some_and(|(_, call)| call.began_at >= expires_at);
        let was_passed_over = only_at_the_end || (next.state == DeliveryState::Expired && next.attempts == 0);
        if ended_in_vain && was_passed_over && book.clock_jumps == 0 && before.updated_at < expires_at {
            return Err(format!("{} never had its turn after the {} was {}", next.id, channel(before), before.state));
        }
    }
    Ok(())
}

/// The next channel is called neither before the one before it had its time, counted from when its turn began, unless that
/// ended before; nor is it held up by whatever that one does meanwhile.
fn check_waits(book: &Book, promised: &Promised, status: &Status, facts: &[Fact]) -> Result<(), String> {
    let Strategy::Sequence { until, wait_ms } = promised.strategy else { return Ok(()) };
    // What is replayed or rescheduled counts anew, and a clock that was set tells nobody how long something took.
    let counts_anew = facts.iter().any(|fact| fact.kind == FactKind::Rescheduled) || !promised.replays.is_empty();
    if until == Goal::Sent || counts_anew || book.clock_jumps > 0 {
        return Ok(());
    }
    for pair in status.deliveries.windows(2) {
        let [before, next] = pair else { continue };
        let in_vain = [FactKind::Failed, FactKind::Bounced, FactKind::Suppressed, FactKind::Expired];
        let of_it = facts.iter().filter(|fact| fact.channel == Some(before.id.channel));
        let ended_at = of_it.filter(|fact| in_vain.contains(&fact.kind)).map(|fact| fact.at).min();
        let waited = SignedDuration::from_millis(wait_ms as i64);
        let due_at = before.turn_since.map(|since| since + waited).into_iter().chain(ended_at).min();
        if let Some((number, call)) = book.calls_of(next.id).next()
            && due_at.is_none_or(|due_at| call.began_at < due_at)
        {
            let began_at = call.began_at;
            return Err(format!("call {number} of {} at {began_at} was before its turn at {due_at:?}", next.id));
        }
        // It may be held up itself, by others that are before it; by those before it in its own sequence it is not.
        let began = next.turn_since.unwrap_or(next.updated_at);
        let was_wanted = next.turn_since.is_some() || next.state == DeliveryState::Expired;
        if let Some(due_at) = due_at.filter(|_| was_wanted)
            && due_at.duration_until(began) > SignedDuration::from_secs(30)
        {
            return Err(format!("{} had its turn at {began}, {due_at} was the time for it", next.id));
        }
    }
    Ok(())
}

fn channel(delivery: &Delivery) -> Channel {
    delivery.id.channel
}
