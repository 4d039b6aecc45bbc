//! Writes down what a check did: one step per phase, with its time.

use shared::verdict::{Reason, Step, StepName};
use tokio::time::Instant;

/// The steps of a check so far. At most one is open.
#[derive(Debug)]
pub(crate) struct Transcript {
    begun: Instant,
    steps: Vec<Step>,
    open: Option<(StepName, Instant, Option<u16>)>,
}

impl Transcript {
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            steps: Vec::with_capacity(8),
            open: None,
        }
    }

    /// Opens a step. The one before must have been good, or we would not get here.
    pub(crate) fn step(&mut self, name: StepName) {
        self.close(None);
        self.open = Some((name, Instant::now(), None));
    }

    /// Notes the status of an answer. In a step of many requests the last one counts: it is the one that failed, if one did.
    pub(crate) fn status(&mut self, status: u16) {
        if let Some((_, _, noted)) = &mut self.open {
            *noted = Some(status);
        }
    }

    /// Ends the open step, with the reason where it failed.
    pub(crate) fn close(&mut self, reason: Option<Reason>) {
        if let Some((step, since, http_status)) = self.open.take() {
            self.steps.push(Step {
                step,
                duration_ms: millis(since),
                reason,
                http_status,
            });
        }
    }

    /// Milliseconds since the beginning, and all steps.
    pub(crate) fn finish(mut self) -> (u64, Vec<Step>) {
        self.close(None);
        (millis(self.begun), self.steps)
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_phase_is_one_step_with_its_time() {
        let mut transcript = Transcript::begin();
        transcript.step(StepName::Resolve);
        tokio::time::advance(Duration::from_millis(5)).await;
        transcript.step(StepName::ListTools);
        transcript.status(200);
        transcript.status(503);
        tokio::time::advance(Duration::from_millis(7)).await;
        transcript.close(Some(Reason::HttpError));
        let (total, steps) = transcript.finish();
        assert_eq!(total, 12);
        assert_eq!(
            steps,
            [
                Step {
                    step: StepName::Resolve,
                    duration_ms: 5,
                    reason: None,
                    http_status: None
                },
                Step {
                    step: StepName::ListTools,
                    duration_ms: 7,
                    reason: Some(Reason::HttpError),
                    http_status: Some(503)
                },
            ]
        );
    }
}
