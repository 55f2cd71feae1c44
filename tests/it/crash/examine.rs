//! After a round: everything that can be read is whole, everything that was acknowledged can be read and arrived, and what was
//! not answered is there or not, and can be asked for again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::stream::iter;
use notifier_server::sandbox::{Channel, Message, Sandbox};
use notifier_tests::client::Client;
use serde_json::Value;

use super::ledger::Ledger;
use super::load::{Request, Told};

const CHANNELS: [&str; 2] = ["email", "sms"];
/// Notifications that are looked at at the same time.
const READERS: usize = 16;
const PAGE: usize = 200;

/// What a timeline says of each channel: how many calls ended without anybody knowing how.
type Doubts = BTreeMap<&'static str, usize>;

pub(super) async fn examine(client: &Client, vendors: &Sandbox, ledger: &mut Ledger) {
    let there = list(client, ledger).await;
    for (mark, id) in &ledger.accepted {
        match there.get(mark) {
            None => ledger.lost.push(format!("{mark} was acknowledged as {id} and is gone")),
            Some(found) if found != id => ledger.wrong.push(format!("{mark} was acknowledged as {id} and is {found}")),
            Some(_) => {}
        }
    }
    let refused = ledger.refused.iter().filter(|mark| there.contains_key(*mark));
    ledger.wrong.extend(refused.map(|mark| format!("{mark} was refused and is there")));
    let mut all = there.clone();
    for request in std::mem::take(&mut ledger.unanswered) {
        all.extend(ask_again(client, &request, &there, ledger).await);
        ledger.unanswered.push(request);
    }
    let asked: BTreeSet<&String> = ledger.unanswered.iter().flat_map(|request| &request.marks).collect();
    let unasked = there.keys().filter(|mark| {
        !ledger.accepted.contains_key(*mark) && !ledger.refused.contains(*mark) && !asked.contains(mark)
    });
    ledger.wrong.extend(unasked.map(|mark| format!("nobody asked for {mark}")));
    let mut settled = iter(&all).map(|(mark, id)| settle(client, mark, id)).buffer_unordered(READERS);
    let mut doubts = BTreeMap::new();
    while let Some((mark, read)) = settled.next().await {
        match read {
            Ok(of_mark) => drop(doubts.insert(mark, of_mark)),
            Err(problem) => ledger.half_applied.push(format!("{mark}: {problem}")),
        }
    }
    drop(settled);
    compare(vendors, &all, &doubts, ledger);
    let stats = client.get("/v1/stats").await.unwrap().json;
    if stats["since_start"]["repaired"] != 0 || stats["now"]["sending"] != 0 {
        ledger.half_applied.push(format!("something was stuck: {stats}"));
    }
}

/// Everything of this round, ids by mark: each page from the newest on, until one that is of an earlier round.
async fn list(client: &Client, ledger: &mut Ledger) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut path = format!("/v1/notifications?limit={PAGE}");
    loop {
        let page = client.get(&path).await.unwrap().json;
        for item in page["items"].as_array().unwrap() {
            let (mark, id) = (text(&item["recipient_id"]), text(&item["id"]));
            if !ledger.is_of_this_round(&mark) {
                return found;
            }
            if let Err(problem) = has_all_deliveries(item) {
                ledger.half_applied.push(format!("{mark}, right after the start: {problem}"));
            }
            if let Some(other) = found.insert(mark.clone(), id.clone()) {
                ledger.wrong.push(format!("{mark} is there twice: {id}, {other}"));
            }
        }
        let Some(next) = page["next"].as_str() else { return found };
        path = format!("/v1/notifications?limit={PAGE}&cursor={next}");
    }
}

/// Repeats a call that was not answered, twice: what is there stays the same, what is not comes to be, once.
async fn ask_again(
    client: &Client,
    request: &Request,
    there: &BTreeMap<String, String>,
    ledger: &mut Ledger,
) -> BTreeMap<String, String> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for is_second in [false, true] {
        let told = request.submit(client).await.unwrap();
        for (mark, told) in request.marks.iter().zip(told) {
            let Told::Accepted { id, repeated } = told else {
                ledger.wrong.push(format!("{mark}, asked for again: {told:?}"));
                continue;
            };
            let before = if is_second { known.get(mark) } else { there.get(mark) };
            if repeated != before.is_some() || before.is_some_and(|before| *before != id) {
                let problem = format!("{mark}, asked for again: {id}, repeated: {repeated}; before: {before:?}");
                ledger.wrong.push(problem);
            }
            if !is_second {
                let is_there = before.is_some();
                ledger.unanswered_there += usize::from(is_there);
                ledger.unanswered_absent += usize::from(!is_there);
            }
            known.insert(mark.clone(), id);
        }
    }
    known
}

/// Waits until it is settled, and looks at all that can be read of it.
async fn settle<'m>(client: &Client, mark: &'m str, id: &str) -> (&'m str, Result<Doubts, String>) {
    let read = async {
        let answer = client.get(&format!("/v1/notifications/{id}?wait_ms=20000")).await.map_err(|e| e.to_string())?;
        has_all_deliveries(&answer.json)?;
        let deliveries = answer.json["deliveries"].as_array().ok_or("no deliveries")?;
        if let Some(delivery) = deliveries.iter().find(|delivery| delivery["state"] != "sent") {
            return Err(format!("not sent: {delivery}"));
        }
        let timeline = client.get(&format!("/v1/notifications/{id}/timeline")).await.map_err(|e| e.to_string())?.json;
        read_timeline(&timeline)
    };
    (mark, read.await)
}

fn has_all_deliveries(notification: &Value) -> Result<(), String> {
    let deliveries = notification["deliveries"].as_array().ok_or_else(|| format!("no deliveries: {notification}"))?;
    let mut channels: Vec<_> = deliveries.iter().filter_map(|delivery| delivery["channel"].as_str()).collect();
    channels.sort_unstable();
    if channels == CHANNELS { Ok(()) } else { Err(format!("deliveries on {channels:?}")) }
}

/// One fact says that it was accepted, and one for each channel that it was sent.
fn read_timeline(timeline: &Value) -> Result<Doubts, String> {
    let facts = timeline["facts"].as_array().ok_or("no facts")?;
    let count = |kind: &str, channel: Option<&str>| {
        facts.iter().filter(|fact| fact["kind"] == kind && fact["channel"].as_str() == channel).count()
    };
    if count("accepted", None) != 1 {
        return Err(format!("not accepted once: {timeline}"));
    }
    let doubts = |channel| {
        if count("sent", Some(channel)) != 1 {
            return Err(format!("{channel} was not sent once: {timeline}"));
        }
        Ok((channel, count("unknown", Some(channel))))
    };
    CHANNELS.into_iter().map(doubts).collect()
}

/// Compares what arrived with what is there, and explains every repeat by an interrupted call.
fn compare(vendors: &Sandbox, all: &BTreeMap<String, String>, doubts: &BTreeMap<&str, Doubts>, ledger: &mut Ledger) {
    let mut arrived: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for message in vendors.inbox().messages() {
        let (mark, channel, key) = read_message(&message);
        arrived.entry((mark, channel)).or_default().push(key);
    }
    for (mark, id) in all {
        for channel in CHANNELS {
            let Some(keys) = arrived.remove(&(mark.clone(), channel)) else {
                ledger.lost.push(format!("{mark} ({id}) never arrived by {channel}"));
                continue;
            };
            if keys.iter().any(|key| *key != format!("{id}.{channel}")) {
                ledger.wrong.push(format!("{mark} ({id}) arrived under the keys {keys:?}"));
            }
            let explained = doubts.get(&**mark).map_or(0, |of_mark| of_mark[channel]);
            ledger.repeats += keys.len() - 1;
            if keys.len() - 1 > explained {
                let problem =
                    format!("{mark} arrived {} times by {channel} with {explained} interruptions", keys.len());
                ledger.wrong.push(problem);
            }
        }
    }
    let unexpected = arrived.into_keys().map(|(mark, channel)| format!("{mark} arrived by {channel} unexpectedly"));
    ledger.wrong.extend(unexpected);
}

/// Its mark, channel and key.
fn read_message(message: &Message) -> (String, &'static str, String) {
    match message.channel {
        Channel::Email => {
            let key = message.idempotency_key.clone().expect("each email carries its key");
            (message.subject.clone().unwrap(), "email", key)
        }
        Channel::Sms => {
            // The vendor has no place for a key: the address for its receipts names the delivery.
            let callback = message.status_callback.clone().unwrap();
            let key = callback.split_once("?delivery=").expect("it names the delivery").1;
            (message.text.clone().unwrap(), "sms", key.to_owned())
        }
        other => panic!("nothing is sent by {}", other.name()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
