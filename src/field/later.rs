//! A command that waits for something else before it goes to its link.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use super::{LinkHandle, Order, Outcome, WriteRequest};

impl LinkHandle {
    /// Hands a write to the link once `kept` says that the record it follows is durable, and not at all if it is not.
    /// It goes as a command: nothing that protects may wait like this.
    pub fn write_after<F>(&self, kept: F, request: WriteRequest) -> oneshot::Receiver<Outcome>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let (commands, name) = (self.commands.clone(), self.name.clone());
        tokio::spawn(async move {
            let refused = match kept.await {
                Err(why) => Some((reply, format!("its record could not be kept: {why}"))),
                Ok(()) => match commands.try_send(Order { request, reply }) {
                    Ok(()) => None,
                    Err(mpsc::error::TrySendError::Full(order) | mpsc::error::TrySendError::Closed(order)) => {
                        Some((order.reply, format!("link `{name}` takes no more commands")))
                    }
                },
            };
            if let Some((reply, why)) = refused {
                // Whoever waits may be gone too, which is theirs to know.
                let _ = reply.send(Outcome::NotSent(why));
            }
        });
        outcome
    }
}
