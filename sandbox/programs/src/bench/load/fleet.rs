//! Processes of a function, each with one request at a time, as Lambda has them.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sandbox::{
    Sandbox,
    lambda::{InvokeError, Lambda},
};
use serde_json::Value;

/// The started processes. They end when this is dropped.
#[derive(Default)]
pub(super) struct Fleet(Mutex<State>);

#[derive(Default)]
struct State {
    groups: Vec<Arc<Lambda>>,
    /// The idle processes, each as the index of its group. The last used one is at the end.
    free: Vec<usize>,
    size: usize,
}

impl Fleet {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts processes until there are `to`. Returns how many it started.
    pub(super) async fn grow(
        &self,
        sandbox: &Sandbox,
        function: &str,
        binary: &Path,
        to: usize,
        settings: &[(&str, Option<&str>)],
    ) -> Result<usize, String> {
        let missing = to.saturating_sub(self.state().size);
        if missing > 0 {
            let group = sandbox.run_with(function, binary, missing, settings).await;
            group
                .wait_ready()
                .await
                .map_err(|why| format!("{function} does not start: {why}"))?;
            let mut state = self.state();
            let place = state.groups.len();
            state.groups.push(Arc::new(group));
            // The older processes stay at the end of the list, so they are used first.
            state.free.splice(0..0, std::iter::repeat_n(place, missing));
            state.size += missing;
        }
        Ok(missing)
    }

    /// Invokes an idle process. The caller must know that there is one.
    pub(super) async fn invoke(&self, event: Value) -> Result<Value, InvokeError> {
        let (place, group) = {
            let mut state = self.state();
            let place = state
                .free
                .pop()
                .ok_or_else(|| InvokeError::Init("no process is free".to_owned()))?;
            (place, Arc::clone(&state.groups[place]))
        };
        let answer = group.invoke(event).await;
        self.state().free.push(place);
        answer
    }

    /// The process ids.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.state()
            .groups
            .iter()
            .flat_map(|group| group.pids())
            .collect()
    }
}
