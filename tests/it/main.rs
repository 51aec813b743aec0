mod simdisk;
mod store_crash;
mod store_model;
mod store_open;
mod store_world;
