//! The fakes over real sockets, and the routes that show what arrived.

mod faults;
mod fixture;
mod inbox;
mod live;
mod lookups;
mod receipts;
mod routes;
mod segments;
mod sendgrid;
mod twilio;

mod fcm;
mod slack;
mod sns;
mod vonage;
mod webhook;
mod webpush;
