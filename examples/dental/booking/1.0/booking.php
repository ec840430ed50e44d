<?php
// Harbour Dental's booking page: shows the free slots of the database.
$settings = parse_ini_file('/etc/harbour-booking.ini');
$db = @pg_connect(sprintf("host='%s' dbname='%s' user='%s' password='%s' connect_timeout=10",
    $settings['host'], $settings['dbname'], $settings['user'], $settings['password']));
$slots = $db ? @pg_query($db, 'SELECT starts, dentist FROM free_slots ORDER BY starts') : false;
if (!$slots) {
    http_response_code(500);
    exit('The booking system is out of order.');
}
?>
<!DOCTYPE html>
<title>Harbour Dental</title>
<h1>Harbour Dental: free slots</h1>
<ul>
<?php while ($slot = pg_fetch_assoc($slots)): ?>
<li><?= htmlspecialchars($slot['starts']) ?>, <?= htmlspecialchars($slot['dentist']) ?></li>
<?php endwhile ?>
</ul>
