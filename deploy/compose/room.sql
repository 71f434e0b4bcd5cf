-- Run once, by the first start of the database's container, which makes room_b and its user itself.
CREATE DATABASE room_c CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
GRANT ALL ON room_c.* TO 'greenroom'@'%';
