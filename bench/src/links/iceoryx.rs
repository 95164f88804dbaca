//! Services of iceoryx2. The bytes are copied into its memory and out of it, as by the others.

use std::{
    error::Error,
    hint, io, process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use iceoryx2::{
    port::{listener::Listener, notifier::Notifier, publisher::Publisher, subscriber::Subscriber},
    prelude::*,
    service::port_factory::{event, publish_subscribe},
};

use super::{Ends, Link};

type Service = ipc::Service;
type Messages = publish_subscribe::PortFactory<Service, [u8], ()>;

/// The messages that can wait for the receiver: more than a batch sends.
const BUFFER: usize = 1024;

/// How a receiver waits for a message.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Polling,
    Events,
}

pub(crate) struct Iceoryx {
    publisher: Publisher<Service, [u8], ()>,
    subscriber: Subscriber<Service, [u8], ()>,
    events: Option<(Notifier<Service>, Listener<Service>)>,
    _node: Node<Service>,
}

impl Link for Iceoryx {
    fn send(&mut self, message: &[u8]) {
        let sample = self.publisher.loan_slice_uninit(message.len()).expect("loan");
        sample.write_from_slice(message).send().expect("send");
        if let Some((notifier, _)) = &self.events {
            notifier.notify().expect("notify");
        }
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        loop {
            if let Some(sample) = self.subscriber.receive().expect("receive") {
                message.clear();
                message.extend_from_slice(sample.payload());
                return;
            }
            match &self.events {
                Some((_, listener)) => {
                    listener.blocking_wait(|_| {}).expect("wait");
                }
                None => hint::spin_loop(),
            }
        }
    }
}

/// Two services, one for each direction, for messages of `len` bytes.
pub(crate) fn ends(wait: Wait, len: usize) -> Ends<Iceoryx> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
    let (there, back) = (name.clone() + "-there", name + "-back");
    let near = end(&there, &back, wait, len)?;
    Ok((near, Box::new(move || end(&back, &there, wait, len))))
}

fn end(to: &str, from: &str, wait: Wait, len: usize) -> io::Result<Iceoryx> {
    open(to, from, wait, len).map_err(|error| io::Error::other(error.to_string()))
}

fn open(to: &str, from: &str, wait: Wait, len: usize) -> Result<Iceoryx, Box<dyn Error>> {
    let node = NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled);
    let node = node.create::<Service>()?;
    let (there, back) = (messages(&node, to)?, messages(&node, from)?);
    let publisher = there
        .publisher_builder()
        .initial_max_slice_len(len)
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    let subscriber = back.subscriber_builder().create()?;
    let events = match wait {
        Wait::Polling => None,
        Wait::Events => Some((
            events(&node, to)?.notifier_builder().create()?,
            events(&node, from)?.listener_builder().create()?,
        )),
    };
    Ok(Iceoryx { publisher, subscriber, events, _node: node })
}

/// The service that carries messages in one direction, and loses none.
fn messages(node: &Node<Service>, name: &str) -> Result<Messages, Box<dyn Error>> {
    let service = node.service_builder(&name.try_into()?).publish_subscribe::<[u8]>();
    let service = service.enable_safe_overflow(false).subscriber_max_buffer_size(BUFFER);
    Ok(service.max_publishers(1).max_subscribers(1).open_or_create()?)
}

/// The service that wakes the receiver of one direction.
fn events(node: &Node<Service>, name: &str) -> Result<event::PortFactory<Service>, Box<dyn Error>> {
    Ok(node.service_builder(&name.try_into()?).event().open_or_create()?)
}
