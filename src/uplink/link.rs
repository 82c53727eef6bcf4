//! One connection to the broker, with the window of messages that wait for their PUBACK.
//!
//! rumqttc serves as a packet engine alone. Its own reconnect loses and reorders publishes, so a connection is used
//! once and dropped with everything in it. Packet ids mean something only here and only until then.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, LastWill, LastWillProperties, Packet, PubAckReason, PublishProperties,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};

use super::address::Security;
use super::fault::Fault;
use super::message::status_properties;
use super::order::Ticket;
use super::{Settings, Topics};

/// The shortest keep-alive that rumqttc takes.
const KEEP_ALIVE_LEAST: Duration = Duration::from_secs(5);

/// What a message in the window is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Status,
    Record(Ticket),
}

/// What an event of the connection means to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// The broker answered this message.
    Answered(Sent, PubAckReason),
    /// Our DISCONNECT is on its way.
    Left,
}

/// Messages handed to the connection and not answered.
#[derive(Debug)]
pub(super) struct Window {
    client: AsyncClient,
    /// In the client's queue, in order.
    handed: VecDeque<Sent>,
    /// On the wire, by packet id.
    flying: Vec<Option<Sent>>,
    flying_count: usize,
    size: usize,
    /// Bytes that a packet to this broker may have.
    pub(super) packet_limit: usize,
}

/// Connects once: name resolution, TCP, TLS, CONNECT with the will, CONNACK.
pub(super) async fn open(settings: &Settings, will: Vec<u8>) -> Result<(Window, EventLoop), Fault> {
    let size = settings.window.max(1);
    let options = options(settings, will).await?;
    // Room beyond the window, for the closing status and the DISCONNECT.
    let (client, mut eventloop) = AsyncClient::new(options, usize::from(size) + 4);
    let event = eventloop.poll().await?;
    let Event::Incoming(Packet::ConnAck(connack)) = event else {
        return Err(Fault::Link(format!("expected CONNACK, the broker sent {event:?}")));
    };
    let (size, packet_limit) = agreed(&connack, size, settings.packet_max)?;
    if connack.properties.is_some_and(|properties| properties.server_keep_alive == Some(0)) {
        // Zero means that the broker wants no pings; rumqttc would send them without a pause.
        eventloop.options.set_keep_alive(settings.keep_alive.max(KEEP_ALIVE_LEAST));
    }
    let flying = vec![None; usize::from(settings.window.max(1)) + 1];
    Ok((Window { client, handed: VecDeque::new(), flying, flying_count: 0, size, packet_limit }, eventloop))
}

async fn options(settings: &Settings, will: Vec<u8>) -> Result<MqttOptions, Fault> {
    let topic = Topics::new(&settings.port, &settings.lane).status();
    let will_properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: status_properties().content_type,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let mut connect = ConnectProperties::new();
    connect.max_packet_size = Some(settings.packet_max);
    let address = &settings.address;
    let mut options = MqttOptions::new(&settings.client_id, &address.host, address.port);
    options
        .set_keep_alive(settings.keep_alive.max(KEEP_ALIVE_LEAST))
        .set_clean_start(true)
        .set_connect_properties(connect)
        .set_connection_timeout(settings.connect_timeout.as_secs().max(1))
        .set_outgoing_inflight_upper_limit(settings.window.max(1))
        .set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true, Some(will_properties)));
    if let Some((user, password)) = &settings.login {
        options.set_credentials(user, password);
    }
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if address.security == Security::Tls {
        let config = settings.tls.client_config().await.map_err(Fault::Refused)?;
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}

/// The window and the largest packet that both sides agree to.
fn agreed(connack: &ConnAck, window: u16, packet_max: u32) -> Result<(usize, usize), Fault> {
    let properties = connack.properties.as_ref();
    if properties.is_some_and(|properties| properties.max_qos == Some(0)) {
        return Err(Fault::Refused("the broker takes QoS 0 only, which acknowledges nothing".to_owned()));
    }
    if properties.is_some_and(|properties| properties.retain_available == Some(0)) {
        return Err(Fault::Refused("the broker keeps no retained messages, which the status needs".to_owned()));
    }
    let receive_max = properties.and_then(|properties| properties.receive_max).unwrap_or(u16::MAX);
    if receive_max == 0 {
        return Err(Fault::Refused("the broker announced a Receive Maximum of 0, which MQTT forbids".to_owned()));
    }
    let packet_limit = properties.and_then(|properties| properties.max_packet_size).unwrap_or(u32::MAX);
    Ok((usize::from(window.min(receive_max)), packet_limit.min(packet_max) as usize))
}

impl Window {
    /// Messages that wait for their PUBACK.
    pub(super) fn in_flight(&self) -> usize {
        self.handed.len() + self.flying_count
    }

    /// Messages that may still be sent.
    pub(super) fn free(&self) -> usize {
        self.size.saturating_sub(self.in_flight())
    }

    /// How many messages the window holds.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Hands a QoS 1 message to the connection. The caller has looked at [`Window::free`] and the packet limit.
    pub(super) fn publish(
        &mut self,
        about: Sent,
        topic: &str,
        payload: Bytes,
        properties: PublishProperties,
    ) -> Result<(), Fault> {
        let retain = match about {
            Sent::Status => true,
            Sent::Record(_) => false,
        };
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|fault| Fault::Link(format!("{topic}: {fault}")))?;
        self.handed.push_back(about);
        Ok(())
    }

    /// Asks the connection to say goodbye, so that the broker does not publish the will.
    pub(super) fn leave(&self) -> Result<(), Fault> {
        self.client.try_disconnect().map_err(|fault| Fault::Link(fault.to_string()))
    }

    /// Keeps the books after an event of the connection.
    pub(super) fn see(&mut self, event: &Event) -> Seen {
        if let Event::Outgoing(Outgoing::Publish(id)) = event {
            if let Some(place) = self.flying.get_mut(usize::from(*id)) {
                *place = self.handed.pop_front();
                self.flying_count += 1;
            }
        } else if let Event::Incoming(Packet::PubAck(puback)) = event {
            let place = self.flying.get_mut(usize::from(puback.pkid));
            if let Some(sent) = place.and_then(Option::take) {
                self.flying_count -= 1;
                return Seen::Answered(sent, puback.reason);
            }
        } else if let Event::Outgoing(Outgoing::Disconnect) = event {
            return Seen::Left;
        }
        Seen::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5::mqttbytes::v5::{ConnAckProperties, ConnectReturnCode};

    fn connack(change: impl FnOnce(&mut ConnAckProperties)) -> ConnAck {
        let mut properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: None,
            max_qos: None,
            retain_available: None,
            max_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: None,
            shared_subscription_available: None,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        change(&mut properties);
        ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: Some(properties) }
    }

    #[test]
    fn the_smaller_of_both_sides_limits_counts() {
        let silent = ConnAck { session_present: false, code: ConnectReturnCode::Success, properties: None };
        assert_eq!(agreed(&silent, 100, 5000), Ok((100, 5000)));
        let strict = connack(|properties| {
            properties.receive_max = Some(1);
            properties.max_packet_size = Some(400);
        });
        assert_eq!(agreed(&strict, 100, 5000), Ok((1, 400)));
        let generous = connack(|properties| {
            properties.receive_max = Some(1000);
            properties.max_packet_size = Some(1_000_000);
        });
        assert_eq!(agreed(&generous, 100, 5000), Ok((100, 5000)));
    }

    #[test]
    fn a_broker_that_cannot_keep_our_promises_is_refused_with_the_reason() {
        for (connack, word) in [
            (connack(|properties| properties.max_qos = Some(0)), "QoS 0"),
            (connack(|properties| properties.retain_available = Some(0)), "retained"),
            (connack(|properties| properties.receive_max = Some(0)), "Receive Maximum"),
        ] {
            let Err(Fault::Refused(reason)) = agreed(&connack, 100, 5000) else { panic!("{word} was accepted") };
            assert!(reason.contains(word), "{reason}");
        }
    }
}
