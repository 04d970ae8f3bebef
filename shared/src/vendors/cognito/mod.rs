//! Amazon Cognito's custom SMS sender: a user pool hands the code of a text to a function, which
//! sends it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sms-sender.html>
//!
//! The event has no text, only a code. The code is encrypted as a message of the AWS Encryption SDK.
//! To read it: [`event::Event::parse`], [`message::Message::parse`],
//! [`message::Message::data_key`], KMS's `Decrypt` with [`message::Message::context`], then
//! [`message::Message::open`].

pub mod event;
pub mod message;
