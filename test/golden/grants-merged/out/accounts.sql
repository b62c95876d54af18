-- db01.example.com:3306 as default/admin
CREATE USER 'site'@'192.0.2.1' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT INSERT ON `Log`.`visits` TO 'site'@'192.0.2.1';
GRANT INSERT, SELECT ON `Site`.* TO 'site'@'192.0.2.1';
