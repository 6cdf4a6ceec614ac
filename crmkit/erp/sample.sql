-- An invented company's ERP, with the tables of Dolibarr: some customers, suppliers, persons, products.
create table llx_c_country (rowid integer primary key, code text, label text);
create table llx_c_units (rowid integer primary key, label text);
create table llx_societe (
    rowid integer primary key, nom text, client integer, fournisseur integer, code_client text,
    code_fournisseur text, status integer, address text, zip text, town text, fk_pays integer,
    phone text, fax text, email text, url text, siren text, siret text, tva_intra text, tms timestamp
);
create table llx_socpeople (
    rowid integer primary key, fk_soc integer, firstname text, lastname text, poste text, phone text,
    phone_perso text, phone_mobile text, email text, birthday date, statut integer, tms timestamp
);
create table llx_product (
    rowid integer primary key, ref text, label text, description text, price numeric, tva_tx numeric,
    cost_price numeric, barcode text, tosell integer, fk_unit integer, tms timestamp
);
insert into llx_c_country values (1, 'NO', 'Norway'), (2, 'SE', 'Sweden'), (3, 'NL', 'Netherlands');
insert into llx_c_units values (1, 'piece'), (2, 'hour');
insert into llx_societe
    (rowid, nom, client, fournisseur, code_client, code_fournisseur, status, address, zip, town,
     fk_pays, phone, email, url, tms)
values
    (1, 'Brisefjord Sjømat AS', 1, 0, 'K-101', null, 1, 'Kaigata 4', '5003', 'Bergen', 1,
     '+47 55 55 01 01', 'post@brisefjord.example', 'https://brisefjord.example', '2026-01-10'),
    (2, 'Lindhaga Trä AB', 1, 0, 'K-102', null, 1, 'Sågvägen 12', '681 30', 'Kristinehamn', 2,
     '+46 550 555 01', 'info@lindhaga.example', 'https://lindhaga.example', '2026-02-14'),
    (3, 'De Klaverhof B.V.', 3, 0, 'K-103', null, 1, 'Dorpsstraat 8' || char(10) || 'Unit 3', '3991 AB',
     'Houten', 3, '+31 30 555 0103', 'info@klaverhof.example', null, '2026-03-02'),
    (4, 'Solbakken Møbler AS', 1, 1, 'K-104', 'L-204', 1, 'Industriveien 22', '2015', 'Leirsund', 1,
     '+47 63 55 01 04', 'post@solbakken.example', null, '2026-03-09'),
    (5, 'Papierfabriek Oost B.V.', 0, 1, null, 'L-205', 1, 'Havenweg 1', '7411 CD', 'Deventer', 3,
     '+31 570 555 105', 'verkoop@papieroost.example', null, '2026-03-20'),
    (6, 'Nedlagt Handel AS', 1, 0, 'K-106', null, 0, null, null, null, 1, null, null, null, '2025-06-01');
insert into llx_socpeople values
    (11, 1, 'Ingrid', 'Solheim', 'Innkjøpssjef', null, null, '+47 900 55 011', 'ingrid@brisefjord.example', null, 1, '2026-01-10'),
    (12, 1, 'Tor', 'Aasen', 'Daglig leder', null, null, '+47 900 55 012', 'tor@brisefjord.example', null, 1, '2026-01-10'),
    (13, 2, 'Åsa', 'Nylund', 'Inköp', null, null, '+46 70 555 01 13', 'asa@lindhaga.example', null, 1, '2026-02-14'),
    (14, 3, 'Femke', 'van der Laan', 'Eigenaar', null, null, '+31 6 5550 1014', 'femke@klaverhof.example', null, 1, '2026-03-02'),
    (15, 4, 'Jonas', 'Bakke', 'Selger', null, null, '+47 900 55 015', 'jonas@solbakken.example', null, 1, '2026-03-09'),
    (16, 4, 'Gone', 'Away', null, null, null, null, null, null, 0, '2025-01-01');
insert into llx_product values
    (21, 'B-100', 'Bord, eik', '180 x 90 cm', 7990, 25, 4100, null, 1, 1, '2026-01-01'),
    (22, 'S-200', 'Stol, bjørk', null, 1490, 25, 620, null, 1, 1, '2026-01-01'),
    (23, 'T-300', 'Montering', null, 890, 25, null, null, 1, 2, '2026-01-01');
