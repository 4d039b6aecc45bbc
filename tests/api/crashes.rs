//! The process dies before and after every single write of every change that touches a credential; writes are lost and refused.
//! Afterwards nothing is orphaned, nothing is lost, no credential goes where it was not given for, and everything works on.

mod stage;

use local::fault::Fault;

pub use self::stage::{Scene, Stage};

/// Each point is tried this often.
const TIMES: usize = 3;
/// Longer than the sweeper leaves work alone.
const SWEPT_AFTER_SECONDS: i64 = 6 * 60;
/// Longer than other callers leave work alone.
const ABANDONED_AFTER_SECONDS: i64 = 61;

/// A change, made of several writes on two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Create,
    /// With a credential that the server accepts.
    Rotate,
    /// With one that it does not.
    RotateInVain,
    Delete,
    /// PATCH with a new credential.
    Replace,
    /// PATCH with another origin, and a credential for it.
    Move,
    /// PATCH to authType none.
    Discard,
    /// PATCH from authType none to bearer.
    Adopt,
}

impl Change {
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Rotate,
        Self::RotateInVain,
        Self::Delete,
        Self::Replace,
        Self::Move,
        Self::Discard,
        Self::Adopt,
    ];
}

macro_rules! on_every_change {
    ($($test:ident),*) => {
        $(
            mod $test {
                use super::Change;

                #[tokio::test]
                async fn create() {
                    super::$test(Change::Create).await;
                }

                #[tokio::test]
                async fn rotate() {
                    super::$test(Change::Rotate).await;
                }

                #[tokio::test]
                async fn rotate_in_vain() {
                    super::$test(Change::RotateInVain).await;
                }

                #[tokio::test]
                async fn delete() {
                    super::$test(Change::Delete).await;
                }

                #[tokio::test]
                async fn replace() {
                    super::$test(Change::Replace).await;
                }

                #[tokio::test]
                async fn change_the_origin() {
                    super::$test(Change::Move).await;
                }

                #[tokio::test]
                async fn discard() {
                    super::$test(Change::Discard).await;
                }

                #[tokio::test]
                async fn adopt() {
                    super::$test(Change::Adopt).await;
                }
            }
        )*
    };
}

on_every_change!(
    a_crash_at_any_write_is_repaired_by_the_sweeper,
    a_crash_at_any_write_is_repaired_by_the_next_attempt,
    a_crash_of_the_sweeper_is_repaired_by_the_next_sweep,
    writes_that_are_lost_or_refused_leave_nothing_behind
);

async fn a_crash_at_any_write_is_repaired_by_the_sweeper(change: Change) {
    let mut stage = Stage::set().await;
    let writes = stage.record(change).await;
    for time in 0..TIMES {
        // Once is enough for what costs most.
        stage.replaces = time == 0;
        let mut progress = Vec::new();
        for (number, write) in writes.iter().enumerate() {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let point = format!("{change:?}, {fault:?} {number}: {write}");
                let scene = stage.prepare(change).await;
                stage.watched.disturb(number..number + 1, fault);
                let outcome = stage.perform(&scene).await;
                assert_eq!(outcome, None, "{point}: it did not crash");

                stage.watched.calm();
                stage.try_out(&scene, &point).await;
                stage.sweep(&point).await;
                progress.push(stage.verify(&scene, None, &point).await);
            }
        }
        // Whatever was done stays done: there is one write before which nothing and after which everything has happened.
        assert!(progress.is_sorted(), "{change:?}: {progress:?}");
        let happens = change != Change::RotateInVain;
        let ends = (progress.first().copied(), progress.last().copied());
        assert_eq!(ends, (Some(false), Some(happens)), "{change:?}");
    }
    stage.assert_within_rights();
}

async fn a_crash_at_any_write_is_repaired_by_the_next_attempt(change: Change) {
    let mut stage = Stage::set().await;
    let writes = stage.record(change).await;
    for (number, fault) in between(writes.len()) {
        let point = format!("{change:?}, {fault:?} {number} of {writes:?}");
        let scene = stage.prepare(change).await;
        stage.watched.disturb(number..number + 1, fault);
        assert_eq!(stage.perform(&scene).await, None, "{point}");

        stage.watched.calm();
        if change != Change::Create {
            stage.watched.clock.turn_seconds(ABANDONED_AFTER_SECONDS);
        }
        let outcome = stage.perform(&scene).await.expect("nothing crashes");
        let expected: &[u64] = match change {
            Change::Create => &[201],
            // It was already gone for everybody but the sweeper, or it was not.
            Change::Delete => &[204, 404],
            Change::RotateInVain => &[422],
            _ => &[200],
        };
        assert!(expected.contains(&outcome), "{point}: {outcome}");
        stage.sweep(&point).await;
        stage.verify(&scene, Some(outcome), &point).await;
    }
    stage.assert_within_rights();
}

async fn a_crash_of_the_sweeper_is_repaired_by_the_next_sweep(change: Change) {
    let mut stage = Stage::set().await;
    let writes = stage.record(change).await;
    for (number, write) in writes.iter().enumerate() {
        for nth in 0.. {
            let point =
                format!("{change:?}, after {number}: {write}, and in the sweep before {nth}");
            let scene = stage.prepare(change).await;
            stage.watched.disturb(number..number + 1, Fault::CrashAfter);
            assert_eq!(stage.perform(&scene).await, None, "{point}");

            stage.watched.clock.turn_seconds(SWEPT_AFTER_SECONDS);
            stage.watched.disturb(nth..nth + 1, Fault::CrashBefore);
            let swept = stage.watched.until_crash(stage.watched.sweep()).await;

            stage.watched.calm();
            // A second attempt in between is not misled by what the dead sweeper left.
            let outcome = match change {
                Change::Create => stage.perform(&scene).await,
                _ => None,
            };
            assert!(
                matches!(outcome, None | Some(201 | 409)),
                "{point}: {outcome:?}"
            );
            stage.sweep(&point).await;
            stage.verify(&scene, outcome, &point).await;
            if swept.is_some() {
                break;
            }
        }
    }
    stage.assert_within_rights();
}

async fn writes_that_are_lost_or_refused_leave_nothing_behind(change: Change) {
    for fault in [Fault::LoseAnswer, Fault::Throttle] {
        let mut stage = Stage::set().await;
        let writes = stage.record(change).await;
        for (number, write) in writes.iter().enumerate() {
            for until in [number + 1, usize::MAX] {
                let point = format!("{change:?}, {fault:?} {number}..{until}: {write}");
                let scene = stage.prepare(change).await;
                stage.watched.disturb(number..until, fault);
                let outcome = stage.perform(&scene).await.expect("nothing crashes");
                assert!((200..600).contains(&outcome), "{point}");
                if until == number + 1 {
                    let one_is_tried_again = outcome < 300 || change == Change::RotateInVain;
                    assert!(one_is_tried_again, "{point}: {outcome}");
                }

                stage.watched.calm();
                stage.try_out(&scene, &point).await;
                stage.sweep(&point).await;
                stage.verify(&scene, Some(outcome), &point).await;
            }
        }
        stage.assert_within_rights();
    }
}

/// The points before, between and after so many writes. To crash after one is to crash before the next, for all that is stored.
fn between(writes: usize) -> impl Iterator<Item = (usize, Fault)> {
    let before = (0..writes).map(|number| (number, Fault::CrashBefore));
    before.chain([(writes - 1, Fault::CrashAfter)])
}
