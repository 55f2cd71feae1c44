//! What may happen, and how often.

use proptest::prelude::*;

use crate::domain::channel::Channel;

/// One operation. Times are in seconds or hours after the beginning of the test's time; `which` picks one of what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Accept {
        number: u32,
        key: Option<u8>,
        hash: u8,
        tenant: u8,
        lane: u8,
        /// Channels and strategy.
        shape: u8,
        collapse: Option<u8>,
        replaces: Option<usize>,
        passed_h: i64,
        back_h: i64,
        due_s: i64,
        keep_h: i64,
    },
    AcceptAll(Vec<Step>),
    Claim {
        channel: Channel,
        room: [usize; 3],
        due_s: i64,
        now_s: i64,
        until_s: i64,
    },
    Begin {
        which: usize,
        now_s: i64,
        until_s: i64,
    },
    Settle {
        which: usize,
        how: u8,
        now_s: i64,
    },
    Release {
        which: usize,
    },
    Reclaim {
        now_s: i64,
        limit: usize,
        until_s: i64,
    },
    Revise {
        which: usize,
        how: u8,
        now_s: i64,
    },
    Receive {
        which: usize,
        named: bool,
        status: u8,
        of_message: bool,
        now_s: i64,
    },
    PutPreferences {
        recipient: u8,
        sms: bool,
    },
    PutTemplate {
        name: u8,
        text: u8,
    },
    Sweep {
        limit: usize,
    },
    Restart,
}

fn seconds() -> std::ops::Range<i64> {
    0..12
}

fn accept() -> impl Strategy<Value = Step> {
    let who = (0u32..20, prop::option::weighted(0.3, 0u8..3), 0u8..2, 0u8..3, 0u8..3);
    let how = (0u8..5, prop::option::weighted(0.3, 0u8..2), prop::option::weighted(0.1, any::<usize>()));
    let when = (0i64..30, 0i64..24, seconds(), 1i64..80);
    (who, how, when).prop_map(|((number, key, hash, tenant, lane), (shape, collapse, replaces), when)| {
        let (passed_h, back_h, due_s, keep_h) = when;
        Step::Accept { number, key, hash, tenant, lane, shape, collapse, replaces, passed_h, back_h, due_s, keep_h }
    })
}

/// Most is sent by text message and email, so most is claimed there.
fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![3 => Just(Channel::Sms), 3 => Just(Channel::Email), 3 => prop::sample::select(Channel::ALL.to_vec())]
}

fn room() -> impl Strategy<Value = [usize; 3]> {
    [0usize..3, 0usize..4, 0usize..3]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => accept(),
        1 => prop::collection::vec(accept(), 0..5).prop_map(Step::AcceptAll),
        12 => (channel(), room(), seconds(), seconds(), seconds())
            .prop_map(|(channel, room, due_s, now_s, until_s)| Step::Claim { channel, room, due_s, now_s, until_s }),
        10 => (any::<usize>(), seconds(), seconds())
            .prop_map(|(which, now_s, until_s)| Step::Begin { which, now_s, until_s }),
        10 => (any::<usize>(), 0u8..4, seconds()).prop_map(|(which, how, now_s)| Step::Settle { which, how, now_s }),
        2 => any::<usize>().prop_map(|which| Step::Release { which }),
        3 => (seconds(), 0usize..5, seconds())
            .prop_map(|(now_s, limit, until_s)| Step::Reclaim { now_s, limit, until_s }),
        5 => (any::<usize>(), 0u8..5, seconds()).prop_map(|(which, how, now_s)| Step::Revise { which, how, now_s }),
        6 => (any::<usize>(), any::<bool>(), 0u8..9, any::<bool>(), seconds()).prop_map(
            |(which, named, status, of_message, now_s)| Step::Receive { which, named, status, of_message, now_s },
        ),
        1 => (0u8..2, any::<bool>()).prop_map(|(recipient, sms)| Step::PutPreferences { recipient, sms }),
        1 => (0u8..2, 0u8..3).prop_map(|(name, text)| Step::PutTemplate { name, text }),
        1 => (1usize..9).prop_map(|limit| Step::Sweep { limit }),
        1 => Just(Step::Restart),
    ]
}
