//! What happens in one seed: requests, changes of mind, reports, moods, crashes, and a clock that somebody sets.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use notifier_core::{
    Channel, Clock, Content, DeliveryState, EmailSource, NotificationId, NotificationRequest, ScheduleRequest,
    SmsSource, SubmitError, UnknownPolicy, Webhook,
};

use super::checks;
use super::ledger::{Answered, Promised};
use super::provider::{MOODS, Mood};
use super::world::{CATEGORIES, PROVIDERS, World, category, tenant};

/// How much happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) notifications: u64,
    pub(crate) calls: u64,
    pub(crate) repeats: u64,
    pub(crate) crashes: u64,
    pub(crate) interrupted: u64,
    pub(crate) jumps: u64,
    pub(crate) unknown: u64,
    pub(crate) found: u64,
    pub(crate) not_found: u64,
    pub(crate) unfit: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, more: &Self) {
        self.notifications += more.notifications;
        self.calls += more.calls;
        self.repeats += more.repeats;
        self.crashes += more.crashes;
        self.interrupted += more.interrupted;
        self.jumps += more.jumps;
        self.unknown += more.unknown;
        self.found += more.found;
        self.not_found += more.not_found;
        self.unfit += more.unfit;
    }

    /// Whether everything happened that the checks are about.
    pub(crate) fn covers_everything(&self) -> bool {
        let happened = [self.notifications, self.repeats, self.crashes, self.interrupted, self.jumps, self.unknown];
        happened.iter().chain(&[self.found, self.not_found, self.unfit]).all(|n| *n > 0)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} notifications, {} calls, {} of them of a message that had gone out before, {} crashes, {} calls \
             interrupted by one, {} jumps of the clock, {} deliveries that ended unknown, {} calls looked up and found, \
             {} not found, {} answered by one that cannot carry the message",
            self.notifications,
            self.calls,
            self.repeats,
            self.crashes,
            self.interrupted,
            self.jumps,
            self.unknown,
            self.found,
            self.not_found,
            self.unfit
        )
    }
}

/// Plays a seed to its end, and checks everything.
pub(crate) async fn play(seed: u64) -> Result<Totals, String> {
    let mut world = World::new(seed).await;
    let steps = 15 + world.chance.below(45);
    for _ in 0..steps {
        step(&mut world).await;
        let time = world.chance.below(*world.chance.one_of(&[1, 50, 3_000, 60_000, 600_000]));
        world.pass(SignedDuration::from_millis(time as i64)).await;
        if world.ledger.book().found.is_some() {
            break;
        }
    }
    world.idle().await;
    world.store.go_on();
    world.providers.iter().for_each(|provider| provider.set_mood(Mood::Good));
    world.finish().await;
    let result = checks::check(&world).await;
    result.map_err(|problem| format!("{problem}\n{}", world.ledger.story()))
}

async fn step(world: &mut World) {
    match world.chance.below(100) {
        0..40 => submit(world).await,
        40..47 => cancel(world).await,
        47..51 => reschedule(world).await,
        51..55 => acknowledge(world).await,
        55..60 => replay(world).await,
        60..72 => report(world).await,
        72..86 => {
            let mood = *world.chance.one_of(&MOODS);
            let provider = world.chance.one_of(&world.providers);
            provider.set_mood(mood);
            world.ledger.tell(world.clock.now(), format!("{mood:?}"));
        }
        86..96 => world.store.crash_after(world.chance.below(25)),
        _ => jump(world),
    }
}

fn jump(world: &mut World) {
    let minutes = *world.chance.one_of(&[-600, -61, -1, 1, 61, 600]);
    let now = world.clock.now() + SignedDuration::from_mins(minutes);
    world.ledger.book().clock_jumps += 1;
    world.ledger.tell(now, format!("the clock jumps by {minutes} minutes"));
    world.clock.set(now);
}

fn request(world: &World) -> NotificationRequest {
    let chance = &world.chance;
    let mut request = NotificationRequest::to(format!("{}", chance.below(4)));
    request.recipient.email = Some("ada@example.com".into());
    request.recipient.phone = Some(format!("+1415555010{}", chance.below(4)));
    request.category = Some((*chance.one_of(&CATEGORIES)).to_owned());
    let email = EmailSource { subject: "Hi".into(), text: Some("Hello".into()), html: None };
    request.content =
        Some(Content { email: Some(email), sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
    request.channels = match chance.below(4) {
        0 => Some(vec![Channel::Sms]),
        1 => Some(vec![Channel::Email, Channel::Sms]),
        _ => Some(vec![Channel::Sms, Channel::Email]),
    };
    if chance.percent(40) {
        let ahead = SignedDuration::from_secs(chance.below(3_600) as i64);
        let at = (world.clock.now() + ahead).to_string();
        request.schedule = Some(ScheduleRequest { at: Some(at), ..ScheduleRequest::default() });
    }
    if chance.percent(20) {
        request.collapse_key = Some(format!("collapse-{}", chance.below(2)));
    }
    request
}

async fn submit(world: &mut World) {
    let mut request = request(world);
    let key = world.chance.percent(30).then(|| format!("key-{}-{:?}", world.chance.below(1_000), request.schedule));
    request.idempotency_key.clone_from(&key);
    let replaces = world.chance.percent(10).then(|| some_notification(world)).flatten();
    let twice = key.is_some() && world.chance.percent(50);
    for _ in 0..=u8::from(twice) {
        let asked = request.clone();
        let question = async {
            match replaces {
                Some(earlier) => world.notifier().replace(earlier, asked).await,
                None => world.notifier().submit(asked).await,
            }
        };
        let Some(answer) = world.ask(question).await else { return };
        let submitted = match answer {
            Ok(submitted) => submitted,
            Err(SubmitError::TooLate(_) | SubmitError::KeyReused { .. } | SubmitError::Invalid(_)) => return,
            Err(error) => return world.ledger.find(format!("refused: {error}")),
        };
        let now = world.clock.now();
        world
            .ledger
            .tell(now, format!("accepted {} as {:?}, due {}", submitted.id, request.category, submitted.due_at));
        let rules = category(request.category.as_deref().unwrap_or_default());
        let channels = request.channels.clone().unwrap_or_default();
        if let Some(key) = &key {
            let known = world.ledger.book().keys.insert(key.clone(), submitted.id);
            if known.is_some_and(|known| known != submitted.id) {
                world.ledger.find(format!("{key} stands for {known:?} and for {}", submitted.id));
            }
        }
        world.ledger.book().promised.entry(submitted.id).or_insert_with(|| Promised {
            due_at: channels.iter().map(|channel| (*channel, submitted.due_at)).collect(),
            strategy: rules.strategy,
            holds: rules.unknown_policy == UnknownPolicy::Hold,
            no_calls_from: BTreeMap::new(),
            last_attempts: BTreeMap::new(),
            replays: BTreeMap::new(),
            reports: Vec::new(),
        });
        if let Some(old) = submitted.replaced.filter(|_| !submitted.repeated) {
            let Some(Ok(Some(status))) = world.ask(world.notifier().status(&tenant(), old)).await else { return };
            stopped(world, old, &status.deliveries, "replaced");
        }
    }
}

/// From now on nothing more may be called for what the answer shows as ended; nothing of it may wait.
fn stopped(world: &World, id: NotificationId, deliveries: &[notifier_core::Delivery], how: &str) {
    let mut book = world.ledger.book();
    let calls = book.calls.len();
    let Some(promised) = book.promised.get_mut(&id) else { return };
    let mut waits = Vec::new();
    for delivery in deliveries {
        match delivery.state {
            DeliveryState::Pending => waits.push(delivery.id.channel),
            DeliveryState::Cancelled | DeliveryState::Suppressed => {
                promised.no_calls_from.entry(delivery.id.channel).or_insert(calls);
            }
            _ => {}
        }
    }
    if !waits.is_empty() {
        book.found.get_or_insert(format!("{id} was {how}, and still waits on {waits:?}"));
    }
}

fn some_notification(world: &World) -> Option<NotificationId> {
    let book = world.ledger.book();
    let ids: Vec<_> = book.promised.keys().copied().collect();
    (!ids.is_empty()).then(|| *world.chance.one_of(&ids))
}

async fn cancel(world: &mut World) {
    let Some(id) = some_notification(world) else { return };
    let Some(Ok(Some(deliveries))) = world.ask(world.notifier().cancel(&tenant(), id)).await else { return };
    world.ledger.tell(world.clock.now(), format!("cancelled {id}"));
    stopped(world, id, &deliveries, "cancelled");
    let mut book = world.ledger.book();
    let Some(promised) = book.promised.get_mut(&id) else { return };
    for delivery in deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Sending) {
        let replays = promised.replays.get(&delivery.id.channel).copied().unwrap_or_default();
        promised.last_attempts.entry(delivery.id.channel).or_insert((delivery.attempts, replays));
    }
}

async fn acknowledge(world: &mut World) {
    let Some(id) = some_notification(world) else { return };
    let Some(Ok(Some(revised))) = world.ask(world.notifier().acknowledge(&tenant(), id, None)).await else { return };
    world.ledger.tell(world.clock.now(), format!("acknowledged {id}"));
    let escalates = world.ledger.book().promised.get(&id).is_some_and(|promised| checks::escalates(promised.strategy));
    if escalates {
        stopped(world, id, &revised.status.deliveries, "acknowledged");
    }
}

async fn reschedule(world: &mut World) {
    let Some(id) = some_notification(world) else { return };
    let at = world.clock.now() + SignedDuration::from_secs(1 + world.chance.below(7_200) as i64);
    let schedule = ScheduleRequest { at: Some(at.to_string()), ..ScheduleRequest::default() };
    let answer = world.ask(world.notifier().reschedule(&tenant(), id, &schedule)).await;
    if answer.is_none()
        && let Some(promised) = world.ledger.book().promised.get_mut(&id)
    {
        // Nobody was told whether it counts: either time is right.
        promised.due_at.values_mut().for_each(|due_at| *due_at = at.min(*due_at));
    }
    let Some(Ok(Some(revised))) = answer else { return };
    world.ledger.tell(world.clock.now(), format!("rescheduled {id} to {at}: {:?}", revised.changed));
    let mut book = world.ledger.book();
    for delivery in revised.changed {
        // One that was called already was on time then.
        let was_called = book.calls_of(delivery).next().is_some();
        if let Some(promised) = book.promised.get_mut(&id).filter(|_| !was_called) {
            promised.due_at.insert(delivery.channel, at);
        }
    }
}

async fn replay(world: &mut World) {
    let Some(id) = some_notification(world) else { return };
    // Whether the answer comes or not: from here on, another call is called for.
    if let Some(promised) = world.ledger.book().promised.get_mut(&id) {
        for channel in Channel::ALL {
            *promised.replays.entry(channel).or_default() += 1;
        }
    }
    if let Some(Ok(Some(revised))) = world.ask(world.notifier().replay(&tenant(), id, None)).await {
        world.ledger.tell(world.clock.now(), format!("replayed {id}: {:?}", revised.changed));
    }
}

/// A vendor reports what became of a message that went out, late, early, twice, or of one that the engine knows nothing of.
async fn report(world: &mut World) {
    let sent: Vec<_> = {
        let book = world.ledger.book();
        let went_out = book.calls.iter().filter(|call| call.was_processed);
        went_out.map(|call| (call.delivery, call.provider, call.message_id.clone(), call.answered)).collect()
    };
    if sent.is_empty() {
        return;
    }
    let (delivery, provider, message_id, answered) = world.chance.one_of(&sent).clone();
    // Nothing that puts an address on the list: soon nothing more would be sent.
    let said = *world.chance.one_of(&["delivered", "delivered", "delivered", "opened", "failed", "failed", "accepted"]);
    let names_it = world.chance.percent(40);
    let query = if names_it { format!("?delivery={delivery}") } else { String::new() };
    let webhook = Webhook {
        method: "POST".into(),
        url: format!("https://n.example.com/v1/receipts/{provider}{query}"),
        headers: Vec::new(),
        body: format!("{message_id} {said}").into_bytes(),
    };
    let name = PROVIDERS.iter().find(|name| **name == provider).unwrap().parse().unwrap();
    let Some(answer) = world.ask(world.notifier().receive(&name, &webhook)).await else { return };
    world
        .ledger
        .tell(world.clock.now(), format!("{provider} reports {message_id} {said}, named: {names_it}: {answer:?}"));
    if answer.is_err() {
        return world.ledger.find(format!("a report was refused: {answer:?}"));
    }
    let will_be_known = names_it || matches!(answered, Answered::Accepted | Answered::Nothing);
    if will_be_known && let Some(promised) = world.ledger.book().promised.get_mut(&delivery.notification) {
        promised.reports.push((delivery.channel, message_id, said));
    }
}
