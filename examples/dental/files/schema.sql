-- The booking site's database. BOOKING_PASSWORD is the password of its user.
\getenv password BOOKING_PASSWORD

CREATE ROLE booking LOGIN PASSWORD :'password';
CREATE DATABASE booking OWNER booking;
\connect booking

CREATE TABLE appointments (
    starts  timestamp NOT NULL,
    dentist text NOT NULL,
    patient text, -- NULL: the slot is free
    PRIMARY KEY (starts, dentist)
);

INSERT INTO appointments (starts, dentist, patient) VALUES
    ('2030-03-04 09:00', 'Dr Anker', 'M. Lindqvist'),
    ('2030-03-04 09:30', 'Dr Anker', NULL),
    ('2030-03-04 10:00', 'Dr Boje', NULL),
    ('2030-03-04 10:30', 'Dr Boje', 'T. Haverkamp'),
    ('2030-03-05 09:00', 'Dr Anker', NULL);

CREATE VIEW free_slots AS
    SELECT starts, dentist FROM appointments WHERE patient IS NULL;

GRANT SELECT ON free_slots TO booking;
