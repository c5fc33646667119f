//! `subscribe` and `unsubscribe`: one code per filter has to come back.

use super::super::codes::FilterCodes;
use super::super::event::Event;
use super::super::format::{Subscribe, Unsubscribe};
use super::super::run::{Done, Run, Stop};
use super::qos;
use crate::session::wire::client::{Codes, FromServer};
use crate::session::wire::{self, Filter, FromClient, Level};

impl Run<'_> {
    pub(in super::super) async fn subscribe(&mut self, step: &Subscribe) -> Done {
        let qos = qos(step.qos)?;
        let filter = |filter: &String| {
            Ok(Filter {
                filter: self.fill(filter)?.into(),
                qos,
                no_local: step.no_local,
                retain_as_published: step.retain_as_published,
                retain_handling: step.retain_handling,
            })
        };
        let filters = step
            .filters
            .iter()
            .map(filter)
            .collect::<Result<Vec<_>, Stop>>()?;
        let packet = wire::Subscribe {
            packet_id: self.packet_id(step.id),
            subscription_id: step.subscription_id,
            filters,
        };
        let on = step.on.as_deref();
        let packet_id = packet.packet_id;
        self.send(on, &FromClient::Subscribe(packet)).await?;
        if !step.answer {
            return Ok(());
        }
        let wanted = wanted(step.codes.as_deref(), step.filters.len())?;
        let expected = expected("SUBACK", packet_id, Some(&wanted));
        let patience = self.patience;
        let event = self.connection(on)?.find(patience, is_answer).await;
        match &event {
            Event::Packet {
                packet: FromServer::SubAck(answer),
                ..
            } if answer.packet_id == packet_id && take(&wanted, answer) => Ok(()),
            Event::Closed
            | Event::Packet {
                packet: FromServer::Disconnect { .. },
                ..
            } if step.or_close => Err(Stop::Enough),
            other => Err(Stop::seen(expected, other)),
        }
    }

    pub(in super::super) async fn unsubscribe(&mut self, step: &Unsubscribe) -> Done {
        let filter = |filter: &String| Ok(self.fill(filter)?.into());
        let filters = step
            .filters
            .iter()
            .map(filter)
            .collect::<Result<Vec<_>, Stop>>()?;
        let packet = wire::Unsubscribe {
            packet_id: self.packet_id(step.id),
            filters,
        };
        let on = step.on.as_deref();
        let packet_id = packet.packet_id;
        self.send(on, &FromClient::Unsubscribe(packet)).await?;
        let wanted = wanted(step.codes.as_deref(), step.filters.len())?;
        let patience = self.patience;
        let connection = self.connection(on)?;
        let has_codes = connection.level == Level::V5;
        let event = connection.find(patience, is_answer).await;
        match &event {
            Event::Packet {
                packet: FromServer::UnsubAck(answer),
                ..
            } if answer.packet_id == packet_id
                && if has_codes {
                    take(&wanted, answer)
                } else {
                    answer.codes.is_empty()
                } =>
            {
                Ok(())
            }
            Event::Closed
            | Event::Packet {
                packet: FromServer::Disconnect { .. },
                ..
            } if step.or_close => Err(Stop::Enough),
            other => Err(Stop::seen(
                expected("UNSUBACK", packet_id, has_codes.then_some(&wanted)),
                other,
            )),
        }
    }
}

fn wanted(codes: Option<&[FilterCodes]>, filters: usize) -> Result<Vec<FilterCodes>, Stop> {
    match codes {
        None => Ok(vec![FilterCodes::GRANTED; filters]),
        Some(codes) if codes.len() == filters => Ok(codes.to_vec()),
        Some(codes) => Err(Stop::Error(format!(
            "`codes` has {} entries for {filters} filters",
            codes.len()
        ))),
    }
}

fn take(wanted: &[FilterCodes], answer: &Codes) -> bool {
    let mut pairs = wanted.iter().zip(&answer.codes);
    wanted.len() == answer.codes.len() && pairs.all(|(wanted, code)| wanted.take(*code))
}

fn expected(name: &str, packet_id: u16, wanted: Option<&Vec<FilterCodes>>) -> String {
    let Some(wanted) = wanted else {
        return format!("{name} of packet {packet_id}");
    };
    let wanted: Vec<_> = wanted.iter().map(FilterCodes::describe).collect();
    format!("{name} of packet {packet_id}, [{}]", wanted.join(", "))
}

fn is_answer(event: &Event) -> bool {
    matches!(
        event,
        Event::Packet {
            packet: FromServer::SubAck(_) | FromServer::UnsubAck(_) | FromServer::Disconnect { .. },
            ..
        }
    )
}
