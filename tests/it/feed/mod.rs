//! A partner's feed: fetched, read, reconciled with the catalogue, and what is absent from it.

mod absences;
mod aside;
mod believed;
mod circuit;
mod clock_ahead;
mod cron;
mod encodings;
mod extent;
mod faults;
mod fetch;
mod forbidden;
mod oddities;
mod pages;
mod pages_fetch;
mod preview;
mod prices;
mod reach;
mod rebuild;
mod rest;
mod schedule;
mod secured;
mod shapes;
mod suggest;
mod times;
mod tombstones;
mod whole;
